"""A picture on its way, as the dialects that show one show it."""

import io
from typing import Final, Literal

from PIL import Image

from easel.artifacts.blobs import BlobStore
from easel.domain.errors import NotFound
from easel.generations.queries import GenerationView

FORMATS: Final = {"png": "PNG", "jpeg": "JPEG", "webp": "WEBP"}


def preview_of(blobs: BlobStore, view: GenerationView, format: Literal["png", "jpeg", "webp"]) -> bytes | None:
    """The newest preview in the size of the picture; None when there is none, or it has just been removed."""
    if view.preview_key is None:
        return None
    try:
        data = blobs.get(view.preview_key)
    except NotFound:
        return None
    file = io.BytesIO()
    small = Image.open(io.BytesIO(data)).convert("RGB")
    size = view.request.output_size
    small.resize(size, Image.Resampling.BICUBIC).save(file, format=FORMATS[format])
    return file.getvalue()
