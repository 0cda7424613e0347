"""From a tool's arguments to a draft."""

from typing import Final

from sqlalchemy.orm import Session

from easel.artifacts.inputs import StoredInput
from easel.catalogue.adapters import drawn_on
from easel.catalogue.limits import defaults_of, limits_of, nearest_size
from easel.catalogue.queries import find_model
from easel.domain.errors import InvalidRequest
from easel.domain.request import AdapterUse, Extras, GenerationDraft
from easel.gateway.dialects.mcp.schemas import Delivered, ImageToImage, Settings, Sized

NO_INPUTS: Final[dict[str, StoredInput]] = {}


def draft_of(
    session: Session, asked: Settings, default_model: str, inputs: dict[str, StoredInput] = NO_INPUTS
) -> GenerationDraft:
    """`inputs` by field. Raises InvalidRequest for a model that is unknown, or a shape with a size beside it."""
    model_id = asked.model_id or default_model
    width, height = _size(session, asked, model_id)
    keys = {field: stored.key for field, stored in inputs.items()}
    extras = Extras(
        adapters=tuple(AdapterUse(lora.model_id, lora.strength) for lora in asked.loras),
        output_format=asked.output_format if isinstance(asked, Delivered) else "png",
        init_image=keys.get("init_image"),
        mask_image=keys.get("mask_image"),
        strength=asked.strength if isinstance(asked, ImageToImage) else Extras().strength,
    )
    return GenerationDraft(
        model_id=model_id,
        prompt=asked.prompt,
        negative_prompt=asked.negative_prompt,
        width=width,
        height=height,
        samples=asked.samples,
        steps=asked.num_inference_steps,
        guidance=asked.guidance_scale,
        seed=asked.seed,
        sampler=asked.sampler,
        extras=extras,
    )


def _size(session: Session, asked: Settings, model_id: str) -> tuple[int | None, int | None]:
    if not isinstance(asked, Sized | ImageToImage):
        return None, None
    if isinstance(asked, ImageToImage) or asked.aspect_ratio is None:
        return asked.width, asked.height
    if asked.width is not None or asked.height is not None:
        raise InvalidRequest("aspect_ratio", "Send aspect_ratio, or width and height, but not both")
    return _of_shape(session, asked.aspect_ratio, model_id)


def _of_shape(session: Session, ratio: str, model_id: str) -> tuple[int, int]:
    """As many pixels as the model's own size has, in the shape that was asked for."""
    named = find_model(session, model_id)
    model = drawn_on(session, named) or named
    defaults = defaults_of(model)
    across, down = (int(part) for part in ratio.split(":"))
    height = (defaults.width * defaults.height * down / across) ** 0.5
    return nearest_size(limits_of(model), round(height * across / down), round(height))
