"""The shapes of answers. What OpenAI's API has no field for stands in `easel`, which its clients keep and ignore."""

import base64
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from easel.catalogue.tables import Model
from easel.gateway.dialects.openai.drafts import QUALITIES
from easel.gateway.dialects.openai.schemas import Images, Prompted
from easel.gateway.errors import Refusal
from easel.generations.queries import GenerationView

PIXELS_A_TOKEN: Final = 16 * 16
CHARACTERS_A_TOKEN: Final = 4

TYPES: Final[Mapping[int, tuple[str, str | None]]] = {
    400: ("invalid_request_error", None),
    401: ("invalid_request_error", "invalid_api_key"),
    402: ("insufficient_quota", "insufficient_quota"),
    403: ("invalid_request_error", "forbidden"),
    404: ("invalid_request_error", "not_found"),
    405: ("invalid_request_error", "method_not_allowed"),
    409: ("invalid_request_error", "conflict"),
    413: ("invalid_request_error", "request_too_large"),
    429: ("requests", "rate_limit_exceeded"),
    503: ("server_error", "unavailable"),
}
"""type and code of an error, by its HTTP number."""

PARAMS: Final[Mapping[str, str]] = {
    "model_id": "model",
    "samples": "n",
    "width": "size",
    "height": "size",
    "num_inference_steps": "quality",
    "init_image": "image",
    "mask_image": "mask",
}
"""A field of ours by the name that this API has for it."""


def images(
    asked: Images, views: Sequence[GenerationView], pictures: Sequence[str], warnings: list[str]
) -> dict[str, Any]:
    """The answer to all three routes. `pictures` are base64 or links, as was asked."""
    key = asked.response_format
    return {
        "created": int(views[0].created_at.timestamp()),
        **_looks(asked, views[0]),
        "data": [{key: picture} for picture in pictures],
        "usage": usage(asked, views) | {"output_tokens_details": {"image_tokens": _drawn(views), "text_tokens": 0}},
        "easel": told(views, warnings),
    }


def event(kind: str, asked: Prompted, view: GenerationView, picture: bytes, **further: Any) -> dict[str, Any]:
    """One event of a stream: `kind` is like image_generation.completed."""
    return {
        "type": kind,
        "b64_json": encoded(picture),
        "created_at": int(time.time()),
        **_looks(asked, view),
        **further,
    }


def told(views: Sequence[GenerationView], warnings: list[str]) -> dict[str, Any]:
    notes = [note for view in views for note in view.notes]
    return {
        "ids": [view.id for view in views],
        "seeds": [view.request.seed_of(index) for view in views for index in range(view.request.samples)],
        "model": views[0].request.model_id,
        "warnings": [*warnings, *dict.fromkeys(notes)],
    }


def usage(asked: Images, views: Sequence[GenerationView]) -> dict[str, Any]:
    """A text token is four characters here, an image token sixteen by sixteen pixels, of what came in and went out."""
    text = -(-len(asked.prompt) // CHARACTERS_A_TOKEN) if isinstance(asked, Prompted) else 0
    first = views[0].request
    image = first.width * first.height // PIXELS_A_TOKEN if first.extras.init_image else 0
    output = _drawn(views)
    return {
        "input_tokens": text + image,
        "input_tokens_details": {"text_tokens": text, "image_tokens": image},
        "output_tokens": output,
        "total_tokens": text + image + output,
    }


def error(refusal: Refusal) -> dict[str, Any]:
    type, code = TYPES.get(refusal.status, ("server_error", None))
    param = PARAMS.get(refusal.field or "", refusal.field)
    if refusal.field == "model_id" and refusal.message.startswith("Model not found"):
        code = "model_not_found"
    return {"error": {"message": refusal.message, "type": type, "param": param, "code": code}}


def model(known: Model) -> dict[str, Any]:
    return {"id": known.model_id, "object": "model", "created": 0, "owned_by": known.provider}


def encoded(picture: bytes) -> str:
    return base64.b64encode(picture).decode()


def _looks(asked: Images, view: GenerationView) -> dict[str, Any]:
    quality = asked.quality if isinstance(asked, Prompted) else "auto"
    return {
        "background": "opaque",
        "output_format": view.request.extras.output_format,
        "quality": QUALITIES.get(quality, quality),
        "size": f"{view.request.width}x{view.request.height}",
    }


def _drawn(views: Sequence[GenerationView]) -> int:
    return sum(view.request.samples * view.request.width * view.request.height // PIXELS_A_TOKEN for view in views)
