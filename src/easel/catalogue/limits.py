"""From a draft to a request: fill in what was left out, refuse what cannot be drawn. Pure.

The sentences name fields as the wire does (num_inference_steps, guidance_scale), because customers read them.
"""

import unicodedata
from collections.abc import Callable
from typing import TypeVar

from easel.catalogue.entries import Limits, read_defaults, read_limits
from easel.catalogue.tables import Model
from easel.domain.errors import InvalidRequest, ModelNotInstalled
from easel.domain.request import SEED_LIMIT, GenerationDraft, GenerationRequest

PROMPT_LIMIT = 10_000
"""Characters. Far more than any text encoder reads, far less than hurts."""

Value = TypeVar("Value")
Number = TypeVar("Number", int, float)

RANDOM_SEED = -1
"""How AUTOMATIC1111 and its clients ask for a seed of our choice."""


def resolve(model: Model, draft: GenerationDraft, new_seed: Callable[[], int]) -> GenerationRequest:
    """The draft with nothing left open. Raises InvalidRequest naming the field, ModelNotInstalled without weights."""
    _check_model(model)
    defaults, limits = read_defaults(model.defaults), read_limits(model.limits)
    return GenerationRequest(
        model_id=model.model_id,
        prompt=_check_prompt("prompt", draft.prompt, required=True),
        negative_prompt=_check_prompt("negative_prompt", draft.negative_prompt),
        width=_check_size("width", _or(draft.width, defaults.width), limits),
        height=_check_size("height", _or(draft.height, defaults.height), limits),
        samples=_check_range("samples", draft.samples, limits.samples),
        steps=_check_range("num_inference_steps", _or(draft.steps, defaults.steps), limits.steps),
        guidance=_check_range("guidance_scale", _or(draft.guidance, defaults.guidance), limits.guidance),
        seed=_check_seed(draft.seed, new_seed),
        sampler=_or(draft.sampler, defaults.sampler),
        spacing=_or(draft.spacing, defaults.spacing),
    )


def _check_model(model: Model) -> None:
    if model.kind != "checkpoint":
        kind = {"lora": "LoRA"}.get(model.kind, model.kind)
        field = {"lora": "lora_model", "embedding": "embeddings_model"}.get(model.kind, model.kind)
        raise InvalidRequest(
            "model_id",
            f"Model {model.model_id} is a {kind}, not a checkpoint; "
            f"send it as {field}, together with a checkpoint as model_id",
        )
    if model.weights is None:
        raise ModelNotInstalled(model.model_id)


def _check_prompt(field: str, prompt: str, *, required: bool = False) -> str:
    if required and not prompt.strip():
        raise InvalidRequest(field, f"{field} is required")
    if len(prompt) > PROMPT_LIMIT:
        raise InvalidRequest(field, f"{field} must be at most {PROMPT_LIMIT:,} characters long, not {len(prompt):,}")
    if any(unicodedata.category(character) in ("Cc", "Cs") and character not in "\n\r\t" for character in prompt):
        raise InvalidRequest(field, f"{field} must not contain control characters")
    return prompt


def _check_size(field: str, value: int, limits: Limits) -> int:
    _check_range(field, value, limits.size)
    if value % limits.multiple_of:
        raise InvalidRequest(field, f"{field} must be divisible by {limits.multiple_of}")
    return value


def _check_seed(seed: int | None, new_seed: Callable[[], int]) -> int:
    if seed is None or seed == RANDOM_SEED:
        return new_seed()
    return _check_range("seed", seed, (0, SEED_LIMIT - 1))


def _check_range(field: str, value: Number, allowed: tuple[float, float]) -> Number:
    low, high = allowed
    if not low <= value <= high:  # written so that NaN fails as well
        raise InvalidRequest(field, f"{field} must be between {low:.10g} and {high:.10g}")
    return value


def _or(said: Value | None, default: Value) -> Value:
    return default if said is None else said
