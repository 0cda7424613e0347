"""From a draft to a request: fill in what was left out, refuse what cannot be drawn. Pure.

The sentences name fields as the wire does (num_inference_steps, guidance_scale), because customers read them.
"""

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, TypeVar

from pydantic import TypeAdapter

from easel.catalogue.finishing import check_finishing
from easel.catalogue.sources import Size, check_sources, size_like
from easel.catalogue.tables import Model
from easel.domain.errors import InvalidRequest, ModelNotInstalled
from easel.domain.prompt import check_prompt
from easel.domain.request import SEED_LIMIT, Extras, GenerationDraft, GenerationRequest
from easel.domain.sampling import Sampler, Spacing

RANDOM_SEED = -1
"""How AUTOMATIC1111 and its clients ask for a seed of our choice."""

KINDS: Final[Mapping[str, str]] = {
    "checkpoint": "a checkpoint",
    "lora": "a LoRA",
    "embedding": "an embedding",
    "vae": "a VAE",
    "controlnet": "a ControlNet",
    "upscaler": "an upscaler",
}
"""As sentences say them."""

QUICK: Final = 0.5
"""Of a model's usual steps."""
MOST_SCALE: Final = 4.0
"""Of a second pass."""
LARGEST_ENLARGED: Final = 1024
"""Pixels along a side up to which a picture is enlarged because the model does not draw it so large."""

Value = TypeVar("Value")
Number = TypeVar("Number", int, float)


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What a draft may leave out."""

    width: int
    height: int
    steps: int
    guidance: float
    sampler: Sampler
    spacing: Spacing

    @property
    def quick_steps(self) -> int:
        """For who would rather wait less: the picture is a little rougher."""
        return max(1, round(QUICK * self.steps))


@dataclass(frozen=True, slots=True, kw_only=True)
class LoraDefaults:
    """What a draft that names a LoRA alone leaves out."""

    base: str | None = None
    """The checkpoint to draw on; None: whichever of its family is installed."""
    strength: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a draft may ask for; both ends of a range are allowed. Sizes are of width and of height, in pixels."""

    min_size: int
    max_size: int
    multiple_of: int
    min_steps: int
    max_steps: int
    min_guidance: float
    max_guidance: float
    max_samples: int
    prompt_length: int = 10_000
    """Characters: far more than anybody writes, far less than hurts."""
    max_clip_skip: int = 12
    """As many layers as the smallest text encoder in use has; the engine knows each model's own."""


read_defaults = TypeAdapter(Defaults).validate_python
"""From the table's JSON or the file's TOML. Raises pydantic's ValidationError, a ValueError."""

read_lora_defaults = TypeAdapter(LoraDefaults).validate_python

read_limits = TypeAdapter(Limits).validate_python


def defaults_of(model: Model) -> Defaults:
    """Raises InvalidRequest for a model that does not draw by itself."""
    _check_kind(model)
    return read_defaults(model.defaults)


def limits_of(model: Model) -> Limits:
    """Raises InvalidRequest for a model that does not draw by itself."""
    _check_kind(model)
    return read_limits(model.limits)


def nearest_size(limits: Limits, width: int, height: int) -> tuple[int, int]:
    """The size most like the one asked for that the model draws: of its shape where the limits allow."""
    longer, shorter = max(width, height), min(width, height)
    scale = min(1.0, limits.max_size / longer)
    scale = max(scale, min(limits.min_size / shorter, limits.max_size / longer))

    def fit(side: int) -> int:
        rounded = round(side * scale / limits.multiple_of) * limits.multiple_of
        lowest = -(-limits.min_size // limits.multiple_of) * limits.multiple_of
        highest = limits.max_size // limits.multiple_of * limits.multiple_of
        return min(max(rounded, lowest), highest)

    return fit(width), fit(height)


def size_of_shape(across: int, down: int, defaults: Defaults, limits: Limits) -> Size:
    """As many pixels as the model's own size has, in a shape, as near as the model draws it."""
    height = (defaults.width * defaults.height * down / across) ** 0.5
    return nearest_size(limits, round(height * across / down), round(height))


def resolve(
    model: Model, draft: GenerationDraft, new_seed: Callable[[], int], sizes: Mapping[str, Size] = MappingProxyType({})
) -> GenerationRequest:
    """The draft with nothing left open. `sizes` are of the stored inputs that it names, by key; adapters.py and
    companions.py look at the other models that it names.

    Raises InvalidRequest naming the field, ModelNotInstalled without weights.
    """
    defaults, limits = defaults_of(model), limits_of(model)
    if model.weights is None:
        raise ModelNotInstalled(model.model_id)
    check_sources(draft.extras, sizes)
    (width, height), extras = within_reach(draft, _size_of(draft, defaults, limits, sizes), limits)
    (width, height), extras = with_second_pass(extras, (width, height), limits)
    steps = _check_range("num_inference_steps", _or(draft.steps, defaults.steps), limits.min_steps, limits.max_steps)
    guidance = _or(draft.guidance, defaults.guidance)
    _check_range("guidance_scale", guidance, limits.min_guidance, limits.max_guidance)
    _check_range("clip_skip", draft.extras.clip_skip, 1, limits.max_clip_skip)
    request = GenerationRequest(
        model_id=model.model_id,
        prompt=_check_prompt(draft, limits, steps, guidance),
        negative_prompt=_check_negative_prompt(draft.negative_prompt, limits, steps),
        width=_check_size("width", width, limits),
        height=_check_size("height", height, limits),
        samples=_check_range("samples", draft.samples, 1, limits.max_samples),
        steps=steps,
        guidance=guidance,
        seed=_check_seed(draft.seed, new_seed),
        sampler=_or(draft.sampler, defaults.sampler),
        spacing=_or(draft.spacing, defaults.spacing),
        extras=for_size(extras, (width, height), (defaults.width, defaults.height)),
    )
    check_finishing(extras, request.drawn_size)
    return request


def within_reach(draft: GenerationDraft, size: Size, limits: Limits) -> tuple[Size, Extras]:
    """The size to draw, and the extras with the size that was asked, where the model does not draw that."""
    too_large = max(size) > limits.max_size and min(size) > 0
    if not (draft.enlarges and too_large and max(size) <= LARGEST_ENLARGED and draft.extras.init_image is None):
        return size, draft.extras
    return nearest_size(limits, *size), replace(draft.extras, output_width=size[0], output_height=size[1])


def with_second_pass(extras: Extras, size: Size, limits: Limits) -> tuple[Size, Extras]:
    """The size of the first pass, and the extras with that of the second."""
    again = extras.second_pass
    if again is None:
        return size, extras
    if extras.init_image is not None:
        raise InvalidRequest("highres_fix", "highres_fix goes with pictures from text alone; leave one of the two out")
    _check_range("hr_scale", again.scale, 1, MOST_SCALE)
    _check_range("strength", again.strength, 0, 1)
    if again.steps is not None:
        _check_range("hr_second_pass_steps", again.steps, limits.min_steps, limits.max_steps)

    def fit(side: float) -> int:
        return max(1, round(side / limits.multiple_of)) * limits.multiple_of

    if again.grows:
        first, last = size, (fit(size[0] * again.scale), fit(size[1] * again.scale))
    else:
        first, last = nearest_size(limits, *(max(1, round(side / again.scale)) for side in size)), size
    for field, side in zip(("width", "height"), last, strict=True):
        if side > limits.max_size:
            raise InvalidRequest(
                field, f"The second pass would be {last[0]}x{last[1]}, and the model draws {limits.max_size} at most"
            )
    return first, replace(extras, second_pass=replace(again, width=last[0], height=last[1]))


def for_size(extras: Extras, size: Size, own: Size) -> Extras:
    """What of the extras depends on how large the picture is beside the model's own size.

    A panorama's windows have that. Merging tokens costs a little of the picture and saves time only beyond it.
    """
    if extras.panorama:
        return replace(extras, window=min(own), token_merging=0.0)
    again = extras.second_pass
    width, height = (again and again.width) or size[0], (again and again.height) or size[1]
    return extras if width * height > own[0] * own[1] else replace(extras, token_merging=0.0)


def _size_of(draft: GenerationDraft, defaults: Defaults, limits: Limits, sizes: Mapping[str, Size]) -> Size:
    """What was said; otherwise what the input has, or the model's own, in the shape that was said."""
    named = [draft.extras.init_image or "", *(control.image for control in draft.extras.controls)]
    picture = next((sizes[key] for key in named if key in sizes), None)
    if picture is None:
        if draft.shape and draft.width is None and draft.height is None:
            return size_of_shape(*draft.shape, defaults, limits)
        return _or(draft.width, defaults.width), _or(draft.height, defaults.height)
    return size_like(picture, draft.width, draft.height, limits.min_size, limits.max_size, limits.multiple_of)


def _check_kind(model: Model) -> None:
    if model.kind == "checkpoint":
        return
    raise InvalidRequest(
        "model_id",
        f"Model {model.model_id} is {KINDS[model.kind]}, which draws nothing by itself, not a checkpoint; "
        "send one as model_id",
    )


def _check_prompt(draft: GenerationDraft, limits: Limits, steps: int, guidance: float) -> str:
    """A picture to begin from, or to be steered by, may do without words."""
    extras = draft.extras
    if not draft.prompt.strip() and extras.init_image is None and not any(one.guess for one in extras.controls):
        raise InvalidRequest("prompt", "prompt is required")
    _check_text("prompt", draft.prompt, limits)
    check_prompt("prompt", draft.prompt, steps, is_guided=guidance > 1)
    return draft.prompt


def _check_negative_prompt(prompt: str, limits: Limits, steps: int) -> str:
    _check_text("negative_prompt", prompt, limits)
    check_prompt("negative_prompt", prompt, steps)
    return prompt


def _check_text(field: str, text: str, limits: Limits) -> None:
    if len(text) > limits.prompt_length:
        raise InvalidRequest(
            field, f"{field} must be at most {limits.prompt_length:,} characters long, not {len(text):,}"
        )
    # Neither NUL nor half a surrogate pair can be stored, and no other control character means anything to a model.
    if any(unicodedata.category(character) in ("Cc", "Cs") and character not in "\n\r\t" for character in text):
        raise InvalidRequest(field, f"{field} must not contain control characters")


def _check_size(field: str, value: int, limits: Limits) -> int:
    _check_range(field, value, limits.min_size, limits.max_size)
    if value % limits.multiple_of:
        raise InvalidRequest(field, f"{field} must be divisible by {limits.multiple_of}")
    return value


def _check_seed(seed: int | None, new_seed: Callable[[], int]) -> int:
    if seed is None or seed == RANDOM_SEED:
        return new_seed()
    return _check_range("seed", seed, 0, SEED_LIMIT - 1)


def _check_range(field: str, value: Number, low: float, high: float) -> Number:
    if not low <= value <= high:  # written so that NaN fails as well
        raise InvalidRequest(field, f"{field} must be between {low:.10g} and {high:.10g}")
    return value


def _or(said: Value | None, default: Value) -> Value:
    return default if said is None else said
