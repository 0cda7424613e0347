"""The ControlNets of a request: which models they are, whether they go with the checkpoint, and what they read.

A draft may name a ControlNet by its id or by its type alone, as many clients do: `canny` is then whichever ControlNet
of that type is installed for the checkpoint's family.
"""

from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from easel.catalogue.limits import KINDS
from easel.catalogue.queries import find_model
from easel.catalogue.tables import Model
from easel.domain.controls import LARGEST_SCALE, MADE, OWN, OWN_OR_READY, READY, TYPES, type_named
from easel.domain.errors import InvalidRequest, ModelNotInstalled
from easel.domain.request import ControlUse, Extras, GenerationDraft

MOST_CONTROLS = 4

FIELD = "controlnet_model"


def with_controls(session: Session, draft: GenerationDraft, checkpoint: Model) -> GenerationDraft:
    """The draft with each ControlNet under its id and each hint of a kind that can be made.

    Raises InvalidRequest, naming the field, for one that cannot be drawn with on `checkpoint`.
    """
    uses = draft.extras.controls
    if not uses:
        return draft
    if len(uses) > MOST_CONTROLS:
        raise InvalidRequest(FIELD, f"{FIELD} must name at most {MOST_CONTROLS} ControlNets, not {len(uses)}")
    found = [(use, find_control(session, use.model_id, checkpoint)) for use in uses]
    for use, model in found:
        _check(use, model, checkpoint)
    controls = tuple(
        replace(use, model_id=model.model_id, kind=_kind(use, model, draft.extras)) for use, model in found
    )
    return replace(draft, extras=replace(draft.extras, controls=controls))


def find_control(session: Session, name: str, checkpoint: Model) -> Model:
    """By its id, or by its type. Raises InvalidRequest where there is none."""
    try:
        return find_model(session, name)
    except InvalidRequest as refusal:
        if type_named(name) not in TYPES:
            raise InvalidRequest(FIELD, refusal.message) from None
    of_family = select(Model).where(
        Model.kind == "controlnet", Model.weights.is_not(None), Model.family == checkpoint.family
    )
    for model in session.scalars(of_family.order_by(Model.model_id)):
        if type_of(model) == type_named(name):
            return model
    raise InvalidRequest(
        FIELD,
        f"No ControlNet of type {type_named(name)} is installed for checkpoints of family {checkpoint.family}, which "
        f"{checkpoint.model_id} is of; an operator installs one with: easel models install {type_named(name)} "
        "--kind controlnet --from PATH",
    )


def type_of(model: Model) -> str | None:
    """What an installed ControlNet reads, where it is known."""
    said = model.facts.get("control_type")
    return str(said) if said else None


def _check(use: ControlUse, model: Model, checkpoint: Model) -> None:
    if model.kind != "controlnet":
        raise InvalidRequest(
            FIELD, f"{FIELD} names {model.model_id}, which is {KINDS[model.kind]} and not {KINDS['controlnet']}"
        )
    if model.weights is None:
        raise ModelNotInstalled(model.model_id, field=FIELD)
    if model.family != checkpoint.family:
        raise InvalidRequest(
            FIELD,
            f"ControlNet {model.model_id} is for checkpoints of family {model.family}, and {checkpoint.model_id} is of "
            f"family {checkpoint.family}; choose another of the two",
        )
    check_numbers(use)


def check_numbers(use: ControlUse) -> None:
    """Raises InvalidRequest, naming the field."""
    _check_range("controlnet_conditioning_scale", use.scale, 0, LARGEST_SCALE)
    _check_range("control_guidance_start", use.start, 0, 1)
    _check_range("control_guidance_end", use.end, use.start, 1)


def _kind(use: ControlUse, model: Model, extras: Extras) -> str:
    kind = type_of(model) if use.kind in (OWN, OWN_OR_READY) else type_named(use.kind)
    if use.kind == OWN_OR_READY and kind not in MADE:
        return READY
    if kind is None:
        raise InvalidRequest(
            "controlnet_type",
            f"Nobody has said what ControlNet {model.model_id} reads: send controlnet_type, or a ready-made "
            "control_image with auto_hint no",
        )
    return check_kind(kind, has_mask=extras.mask_image is not None)


def check_kind(kind: str, *, has_mask: bool) -> str:
    """`kind` as it is. Raises InvalidRequest for a hint that is not made of a picture here."""
    if kind not in (READY, *MADE):
        raise InvalidRequest(
            "auto_hint",
            f"No hint of type {kind} is made of a picture here: send a ready-made one as control_image, with auto_hint "
            f"no; those that are made are {', '.join(MADE)}",
        )
    if kind == "inpaint" and not has_mask:
        raise InvalidRequest(
            "mask_image", "A ControlNet of type inpaint reads what is to be drawn anew: send mask_image"
        )
    return kind


def _check_range(field: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:  # written so that NaN fails as well
        raise InvalidRequest(field, f"{field} must be between {low:g} and {high:g}")
