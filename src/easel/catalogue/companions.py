"""What goes with a checkpoint in a request beside LoRAs: textual inversions, and another autoencoder than its own.

A prompt names a textual inversion by its id, as a word. Names mean models of the catalogue and nothing else: no file of
the machine can be asked for.
"""

from dataclasses import replace
from operator import eq

from sqlalchemy import select
from sqlalchemy.orm import Session

from easel.catalogue.limits import KINDS
from easel.catalogue.queries import find_model
from easel.catalogue.tables import Model
from easel.db.direct import direct
from easel.domain.errors import InvalidRequest, ModelNotInstalled
from easel.domain.prompt import pattern_of
from easel.domain.request import Extras, GenerationDraft

MOST_EMBEDDINGS = 16

RESAMPLED = "lanczos"
"""Names no model, but the way without one."""

SAME_LATENTS = frozenset({"sd1", "sd2"})
"""Families of one autoencoder."""


EMBEDDINGS = "SELECT model_id FROM models WHERE kind = 'embedding' AND weights IS NOT NULL AND family = %(family)s"


def with_companions(session: Session, draft: GenerationDraft, checkpoint: Model) -> GenerationDraft:
    """The draft with the textual inversions that its prompts name, and an upscaler where it enlarges.

    Raises InvalidRequest, naming `embeddings_model`, `vae` or `upscaler`, for one that does not go with `checkpoint`.
    """
    for model_id in draft.extras.embeddings:
        _check(session, "embeddings_model", model_id, "embedding", checkpoint)
    if draft.extras.vae is not None:
        _check(session, "vae", draft.extras.vae, "vae", checkpoint)
    upscaler = _upscaler(session, draft.extras)
    named = _named(session, f"{draft.prompt}\n{draft.negative_prompt}", checkpoint)
    embeddings = tuple(dict.fromkeys([*draft.extras.embeddings, *named]))
    if len(embeddings) > MOST_EMBEDDINGS:
        raise InvalidRequest(
            "embeddings_model", f"{len(embeddings)} embeddings are asked for; at most {MOST_EMBEDDINGS} are possible"
        )
    return replace(draft, extras=replace(draft.extras, embeddings=embeddings, upscaler=upscaler))


def _named(session: Session, text: str, checkpoint: Model) -> list[str]:
    """Those that the text names and that are there for the checkpoint. Another family's is a word like any other."""
    known = {row.model_id.lower(): row.model_id for row in direct(session, EMBEDDINGS, {"family": checkpoint.family})}
    pattern = pattern_of(known)
    return [known[found[1].lower()] for found in pattern.finditer(text)] if pattern else []


def _upscaler(session: Session, extras: Extras) -> str | None:
    """The one that was named; otherwise the first that is installed, if there is one. None resamples."""
    if extras.upscale == 1 or extras.upscaler == RESAMPLED:
        return None
    if extras.upscaler is None:
        here = select(Model.model_id).where(Model.kind == "upscaler", Model.weights.is_not(None))
        return session.scalars(here.order_by(Model.model_id).limit(1)).one_or_none()
    model = _find(session, "upscaler", extras.upscaler, "upscaler")
    return model.model_id


def have_the_same_latents(family: str | None, other: str | None) -> bool:
    """Whether an autoencoder that was made for one serves the other."""
    return family == other or {family, other} <= SAME_LATENTS


def _check(session: Session, field: str, model_id: str, kind: str, checkpoint: Model) -> None:
    model = _find(session, field, model_id, kind)
    fits = have_the_same_latents if kind == "vae" else eq
    if not fits(model.family, checkpoint.family):
        raise InvalidRequest(
            field,
            f"{model.model_id} is for checkpoints of family {model.family}, and {checkpoint.model_id} is of family "
            f"{checkpoint.family}; choose another of the two",
        )


def _find(session: Session, field: str, model_id: str, kind: str) -> Model:
    """A model of that kind that is installed."""
    try:
        model = find_model(session, model_id)
    except InvalidRequest as refusal:
        raise InvalidRequest(field, refusal.message) from None
    if model.kind != kind:
        raise InvalidRequest(
            field, f"{field} names {model.model_id}, which is {KINDS[model.kind]} and not {KINDS[kind]}"
        )
    if model.weights is None:
        raise ModelNotInstalled(model.model_id, field=field)
    return model
