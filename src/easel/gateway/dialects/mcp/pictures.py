"""Pictures as content: as they are where they are small, and smaller where they would fill an agent's context."""

import base64
import io
from pathlib import PurePosixPath
from typing import Final

from mcp_types import ContentBlock, ImageContent, ResourceLink
from PIL import Image

from easel.artifacts.blobs import BlobStore
from easel.gateway.files import MEDIA_TYPES

LONGEST_SIDE: Final = 512
MOST_BYTES: Final = 200_000
QUALITY: Final = 85


def shown(blobs: BlobStore, key: str) -> ImageContent:
    """The stored picture, or a JPEG of it with sides of at most LONGEST_SIDE pixels. Raises NotFound."""
    data = blobs.get(key)
    if len(data) <= MOST_BYTES:
        return _content(data, _media_type(key))
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    small = io.BytesIO()
    picture.save(small, format="JPEG", quality=QUALITY)
    return _content(small.getvalue(), "image/jpeg")


def link(key: str, url: str, number: int) -> ContentBlock:
    """The whole picture."""
    return ResourceLink(name=f"picture {number}", uri=url, mime_type=_media_type(key))


def _content(data: bytes, media_type: str) -> ImageContent:
    return ImageContent(data=base64.b64encode(data).decode(), mime_type=media_type)


def _media_type(key: str) -> str:
    return MEDIA_TYPES[PurePosixPath(key).suffix]
