"""From a tool's arguments to a draft."""

from typing import Final

from easel.artifacts.inputs import StoredInput
from easel.domain.errors import InvalidRequest
from easel.domain.request import AdapterUse, Extras, GenerationDraft
from easel.gateway.dialects.mcp.schemas import Delivered, ImageToImage, Settings, Sized

NO_INPUTS: Final[dict[str, StoredInput]] = {}


def draft_of(asked: Settings, default_model: str, inputs: dict[str, StoredInput] = NO_INPUTS) -> GenerationDraft:
    """`inputs` by field. Raises InvalidRequest for a shape with a size beside it."""
    keys = {field: stored.key for field, stored in inputs.items()}
    extras = Extras(
        adapters=tuple(AdapterUse(lora.model_id, lora.strength) for lora in asked.loras),
        output_format=asked.output_format if isinstance(asked, Delivered) else "png",
        init_image=keys.get("init_image"),
        mask_image=keys.get("mask_image"),
        strength=asked.strength if isinstance(asked, ImageToImage) else Extras().strength,
    )
    return GenerationDraft(
        model_id=asked.model_id or default_model,
        prompt=asked.prompt,
        negative_prompt=asked.negative_prompt,
        width=asked.width if isinstance(asked, Sized | ImageToImage) else None,
        height=asked.height if isinstance(asked, Sized | ImageToImage) else None,
        shape=_shape(asked),
        samples=asked.samples,
        steps=asked.num_inference_steps,
        guidance=asked.guidance_scale,
        seed=asked.seed,
        sampler=asked.sampler,
        extras=extras,
    )


def _shape(asked: Settings) -> tuple[int, int] | None:
    if not isinstance(asked, Sized) or asked.aspect_ratio is None:
        return None
    if asked.width is not None or asked.height is not None:
        raise InvalidRequest("aspect_ratio", "Send aspect_ratio, or width and height, but not both")
    across, down = asked.aspect_ratio.split(":")
    return int(across), int(down)
