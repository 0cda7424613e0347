"""Small copies of one's own pictures, made when they are asked for: nothing is stored that must be deleted again."""

from typing import Final

from fastapi import Response

from easel.artifacts.blobs import BlobStore
from easel.artifacts.reading import read_picture
from easel.artifacts.thumbnails import as_webp, fitted
from easel.domain.errors import InvalidRequest, NotFound

GONE: Final = "This picture is stored no longer."
HEADERS: Final = {"Cache-Control": "private, max-age=86400, immutable", "Content-Security-Policy": "default-src 'none'"}
"""A picture's bytes never change, and neither does its small copy."""


def small_copy(blobs: BlobStore, key: str, side: int) -> Response:
    """The picture with `side` pixels at most along its longer side. Raises NotFound where it cannot be had."""
    try:
        picture = read_picture(blobs.get(key), "picture")
    except InvalidRequest:
        raise NotFound(GONE) from None
    return Response(as_webp(fitted(picture, side), 80), media_type="image/webp", headers=HEADERS)
