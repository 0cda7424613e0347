"""The LoRAs of a request: whether they may be drawn with, and which checkpoint one is drawn on that is named alone."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from easel.catalogue.limits import KINDS, read_lora_defaults
from easel.catalogue.queries import read_model
from easel.catalogue.tables import Model
from easel.catalogue.weights import comes_with_the_package
from easel.domain.errors import InvalidRequest, ModelNotInstalled
from easel.domain.prompt_tags import take_adapters
from easel.domain.request import AdapterUse, GenerationDraft

MOST_ADAPTERS = 5
STRONGEST = 2.0
"""Beyond it, either way, pictures fall apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The models that a draft names, in the roles that they have in it."""

    named: Model
    """The one that its customer chose, and whose price counts."""
    checkpoint: Model
    """What draws."""
    adapters: Mapping[str, Model]
    draft: GenerationDraft
    """With the checkpoint as its model; a LoRA that was named alone, or in the prompt, is among its adapters."""


def choose(session: Session, draft: GenerationDraft) -> Choice:
    """Raises InvalidRequest for a model that is unknown, and for a LoRA that has no checkpoint here to be drawn on.

    LoRAs may stand in the prompt, too, as the field writes them; what draws reads the prompt without them. One that is
    named alone has its own strength unless the draft says another.
    """
    named = read_model(session, draft.model_id)
    checkpoint = named
    prompt, tagged = take_adapters(draft.prompt)
    uses = (*draft.extras.adapters, *tagged)
    if named.kind == "lora":
        checkpoint = base_of(session, named)
        if named.model_id not in {use.model_id for use in uses}:
            uses = (AdapterUse(named.model_id, read_lora_defaults(named.defaults).strength), *uses)
    draft = replace(draft, model_id=checkpoint.model_id, prompt=prompt, extras=replace(draft.extras, adapters=uses))
    adapters = {use.model_id: _find(session, use.model_id) for use in uses}
    return Choice(named=named, checkpoint=checkpoint, adapters=adapters, draft=draft)


def base_of(session: Session, lora: Model) -> Model:
    """The checkpoint that a LoRA is drawn on when nobody names one: its own, or an installed one of its family.

    One that an operator installed comes before what comes with Easel. Raises InvalidRequest where there is none.
    """
    if lora.weights is None:
        raise ModelNotInstalled(lora.model_id)
    own = read_lora_defaults(lora.defaults).base
    if own:
        return read_model(session, own)
    installed = select(Model).where(Model.kind == "checkpoint", Model.weights.is_not(None), Model.family == lora.family)
    found = sorted(session.scalars(installed), key=lambda model: (comes_with_the_package(model.source), model.name))
    if not found:
        raise InvalidRequest(
            "model_id",
            f"{lora.model_id} is a LoRA, and no checkpoint that it could be drawn on is known to be installed here; "
            f"send a checkpoint as model_id and {lora.model_id} as lora_model",
        )
    return found[0]


def drawn_on(session: Session, model: Model) -> Model | None:
    """What draws when the model is named alone: itself, or a LoRA's base; None where nothing does."""
    if model.kind not in ("checkpoint", "lora"):
        return None
    try:
        return base_of(session, model) if model.kind == "lora" else model
    except InvalidRequest:
        return None


def check_adapters(
    uses: tuple[AdapterUse, ...], adapters: Mapping[str, Model], checkpoint: Model
) -> tuple[AdapterUse, ...]:
    """`uses` as they are. Raises InvalidRequest naming the field. Pure."""
    if len(uses) > MOST_ADAPTERS:
        raise InvalidRequest("lora_model", f"lora_model must name at most {MOST_ADAPTERS} LoRAs, not {len(uses)}")
    if len({use.model_id for use in uses}) < len(uses):
        raise InvalidRequest("lora_model", "lora_model must name each LoRA once; add their strengths up instead")
    for use in uses:
        _check_model(adapters[use.model_id], checkpoint)
        for strength in (use.strength, use.strength if use.text_strength is None else use.text_strength):
            if not (math.isfinite(strength) and abs(strength) <= STRONGEST):
                raise InvalidRequest(
                    "lora_strength", f"lora_strength must be between {-STRONGEST:g} and {STRONGEST:g}, not {strength:g}"
                )
    return uses


def _check_model(adapter: Model, checkpoint: Model) -> None:
    if adapter.kind != "lora":
        raise InvalidRequest(
            "lora_model", f"lora_model names {adapter.model_id}, which is {KINDS[adapter.kind]} and not a LoRA"
        )
    if adapter.weights is None:
        raise ModelNotInstalled(adapter.model_id, field="lora_model")
    if None not in (adapter.family, checkpoint.family) and adapter.family != checkpoint.family:
        raise InvalidRequest(
            "lora_model",
            f"LoRA {adapter.model_id} is for checkpoints of family {adapter.family}, and {checkpoint.model_id} is of "
            f"family {checkpoint.family}; choose another of the two",
        )


def _find(session: Session, model_id: str) -> Model:
    try:
        return read_model(session, model_id)
    except InvalidRequest as refusal:
        raise InvalidRequest("lora_model", refusal.message) from None
