"""From a request to orders, with a sentence for everything that is done otherwise than asked."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from easel.catalogue.limits import QUICK, Defaults, Limits, nearest_size
from easel.domain.errors import InvalidRequest
from easel.domain.request import Extras, GenerationDraft
from easel.gateway.dialects.openai.schemas import Edit, Generate, Images, Prompted, Variation
from easel.gateway.ordering import sizes_of_orders

OPENAI_MODELS: Final = ("gpt-image", "dall-e", "chatgpt-image")

STEPS: Final[Mapping[str, float]] = {
    "low": QUICK,
    "medium": 1.0,
    "auto": 1.0,
    "standard": 1.0,
    "high": 1.5,
    "hd": 1.5,
    "xhigh": 2.0,
    "max": 2.5,
}
"""Times the model's own number of steps."""

QUALITIES: Final[Mapping[str, str]] = {"auto": "medium", "standard": "medium", "hd": "high"}
"""What an answer may call it."""

VARIED: Final = 0.6
KEPT: Final[Mapping[str | None, float]] = {"high": 0.45, "low": 0.75, None: 0.75}
"""Strength of an edit without a mask, by input_fidelity."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """Keys of the pictures that came with the request, already stored."""

    image: str | None = None
    mask: str | None = None


@dataclass(slots=True)
class Orders:
    """The drafts, one after another, and what is to be said about them."""

    drafts: list[GenerationDraft]
    warnings: list[str] = field(default_factory=list[str])


def model_of(asked: Images, default_model: str) -> tuple[str, list[str]]:
    """The catalogue's model, and a warning where it is not the one that was named."""
    if asked.model is None:
        return default_model, []
    if not asked.model.isprintable():  # it would be stored in a warning, and not every character can be
        raise InvalidRequest("model", "model must be printable characters")
    if asked.model.startswith(OPENAI_MODELS):
        return default_model, [f"{asked.model} is not here; {default_model} was used."]
    return asked.model, []


def orders_of(asked: Images, model_id: str, inputs: Inputs, defaults: Defaults, limits: Limits) -> Orders:
    """More pictures than the model draws at once are several orders, each with the next seeds."""
    orders = Orders([])
    width, height = _size(asked, limits, orders.warnings)
    draft = GenerationDraft(
        model_id=model_id,
        prompt=asked.prompt if isinstance(asked, Prompted) else "",
        width=width,
        height=height,
        steps=_steps(asked, defaults, limits),
        extras=_extras(asked, inputs),
    )
    if isinstance(asked, Prompted):
        orders.warnings += _without_effect(asked)
    if isinstance(asked, Edit) and len(asked.image) > 1:
        orders.warnings.append(f"Of {len(asked.image)} images the first was used; the model begins from one picture.")
    orders.drafts += [replace(draft, samples=samples) for samples in sizes_of_orders(asked.n, limits.max_samples)]
    return orders


def _size(asked: Images, limits: Limits, warnings: list[str]) -> tuple[int | None, int | None]:
    wanted = asked.width_and_height
    if wanted is None:
        return None, None
    drawn = nearest_size(limits, *wanted)
    if drawn != wanted:
        warnings.append(f"The model does not draw {asked.size}; the picture is {drawn[0]}x{drawn[1]}.")
    return drawn


def _steps(asked: Images, defaults: Defaults, limits: Limits) -> int | None:
    if not isinstance(asked, Prompted):
        return None
    wanted = round(defaults.steps * STEPS[asked.quality])
    return min(max(wanted, limits.min_steps), limits.max_steps)


def _extras(asked: Images, inputs: Inputs) -> Extras:
    extras = Extras(init_image=inputs.image, mask_image=inputs.mask)
    match asked:
        case Edit():
            extras = replace(extras, strength=1.0 if inputs.mask else KEPT[asked.input_fidelity])
        case Variation():
            extras = replace(extras, strength=VARIED)
        case _:
            pass
    if isinstance(asked, Prompted):
        extras = replace(
            extras,
            output_format=asked.output_format,
            output_quality=max(1, asked.output_compression),
            previews=asked.stream and asked.partial_images > 0,
        )
    return extras


def _without_effect(asked: Generate | Edit | Prompted) -> list[str]:
    said: list[str] = []
    if asked.background == "transparent":
        said.append("background: the picture is opaque; transparent ones are not drawn here.")
    if asked.style:
        said.append("style has no effect; say the style in the prompt.")
    if asked.moderation == "low":
        said.append("moderation has no effect.")
    if isinstance(asked, Edit) and asked.input_fidelity and asked.mask:
        said.append("input_fidelity has no effect with a mask: what the mask keeps stays as it is.")
    return said
