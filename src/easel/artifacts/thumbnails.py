"""Small copies of pictures for pages, and what stands in their place while they load."""

import base64
import hashlib
import io
from dataclasses import dataclass
from typing import Any, Final, cast

import thumbhash as library
from PIL import Image

from easel.artifacts.blobs import BlobStore
from easel.artifacts.reading import read_picture

SHOWN_SIDE: Final = 1536
THUMBNAIL_SIDE: Final = 384
"""Twice as many pixels as a card is wide, for fine screens."""
HASHED_SIDE: Final = 16
"""A hash keeps no more than seven waves along a side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredThumbnail:
    """A picture for a page whose bytes are in the blob store, at two sizes."""

    key: str
    thumbnail_key: str
    thumbhash: str
    width: int
    height: int


def store_thumbnail(blobs: BlobStore, data: bytes) -> StoredThumbnail:
    """Copy a picture of ours for pages, without what its file says about it. Raises InvalidRequest for no picture.

    The keys are made of its bytes, so the same picture is stored once. Call it outside of any transaction.
    """
    picture = read_picture(data, "picture")
    name = hashlib.sha256(data).hexdigest()[:40]
    shown, thumbnail = fitted(picture, SHOWN_SIDE), fitted(picture, THUMBNAIL_SIDE)
    stored = StoredThumbnail(
        key=f"showcase/{name}.webp",
        thumbnail_key=f"showcase/{name}-small.webp",
        thumbhash=thumbhash_of(picture),
        width=shown.width,
        height=shown.height,
    )
    blobs.put(stored.key, as_webp(shown, 90))
    blobs.put(stored.thumbnail_key, as_webp(thumbnail, 80))
    return stored


def fitted(picture: Image.Image, side: int) -> Image.Image:
    """A copy whose longer side is `side` pixels at most."""
    copy = picture.copy()
    copy.thumbnail((side, side), Image.Resampling.LANCZOS)
    return copy


def as_webp(picture: Image.Image, quality: int) -> bytes:
    file = io.BytesIO()
    picture.save(file, "WEBP", quality=quality, method=4)
    return file.getvalue()


def thumbhash_of(picture: Image.Image) -> str:
    """About 25 bytes as base64: the colours of a picture and where they lie."""
    small = fitted(picture, HASHED_SIDE).convert("RGBA")
    pixels = list(small.tobytes())
    return base64.b64encode(bytes(cast(Any, library).rgba_to_thumb_hash(small.width, small.height, pixels))).decode()


def picture_of(thumbhash: str) -> bytes:
    """A blurred WebP of a few hundred bytes at most, from what `thumbhash_of` made."""
    width, height, pixels = cast(Any, library).thumb_hash_to_rgba(list(base64.b64decode(thumbhash)))
    blurred = Image.frombytes("RGBA", (width, height), bytes(pixels)).convert("RGB")
    return as_webp(fitted(blurred, 16), 40)
