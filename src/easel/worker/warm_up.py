"""One picture that nobody sees, so that the first customer does not wait for imports, weights and kernels."""

import structlog
from sqlalchemy.orm import Session

from easel.catalogue.limits import read_defaults
from easel.catalogue.queries import find_model
from easel.catalogue.weights import weights_folder
from easel.domain.errors import DomainError, InvalidRequest
from easel.domain.sampling import Sampler, Spacing
from easel.engine.engine import Engine
from easel.engine.events import Failed
from easel.engine.request import Checkpoint, PictureRequest

log = structlog.get_logger()

WARM_UP_STEPS = 30
"""So many calls of one shape are what it takes the engine to record a small network."""


def warm_up_request(session: Session, model_id: str) -> PictureRequest | None:
    """A picture of the model's own size; None for a model that cannot be drawn with here."""
    try:
        model = find_model(session, model_id)
    except InvalidRequest:
        return None
    if model.weights is None or model.family is None:
        return None
    size = read_defaults(model.defaults)
    return PictureRequest(
        id="warm-up",
        checkpoint=Checkpoint(name=model.model_id, family=model.family, folder=weights_folder(model.weights)),
        prompt="",
        negative_prompt="",
        width=size.width,
        height=size.height,
        steps=WARM_UP_STEPS,
        guidance=2.0,
        seed=0,
        sampler=Sampler.DDIM,
        spacing=Spacing.MODEL,
    )


def warm_up(engine: Engine, request: PictureRequest) -> None:
    """Draw it before any job is claimed. That it fails is said, and is the business of the job that needs it."""
    errors: list[str] = []
    try:
        engine.add(request)
    except DomainError as refusal:
        errors.append(refusal.message)
    while not engine.is_idle:
        errors += [event.error for event in engine.step() if isinstance(event, Failed)]
    for error in errors:
        log.warning("warm-up failed", model=request.checkpoint.name, error=error)
