"""Stored files by signed link. `.base64` after a link gives the same bytes as base64 text."""

import base64
from pathlib import PurePosixPath
from typing import Annotated, Final

from fastapi import APIRouter, Path
from starlette.responses import Response

from easel.domain.errors import NotAllowed
from easel.gateway.services import Services

PATH: Final = "/files/{signature}/{key:path}"

AS_TEXT: Final = ".base64"

# Only these are ever answered as what they are: nothing that is stored can run in somebody's browser.
MEDIA_TYPES: Final = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp"}

HEADERS: Final = {
    # A key's bytes never change.
    "Cache-Control": "private, max-age=86400, immutable",
    "Content-Disposition": "inline",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


def files_router(services: Services) -> APIRouter:
    router = APIRouter(tags=["Files"])

    @router.head(PATH, include_in_schema=False)
    @router.get(
        PATH,
        response_class=Response,
        operation_id="read_file",
        summary="A picture, by the link an answer gave",
        responses={
            200: {"content": {media_type: {} for media_type in (*sorted({*MEDIA_TYPES.values()}), "text/plain")}},
            403: {"description": "The link is not one of ours, or it has run out"},
            404: {"description": "The picture is not drawn yet, or was deleted"},
        },
    )
    def read_file(signature: Annotated[str, Path()], key: Annotated[str, Path()]) -> Response:
        as_text = key.endswith(AS_TEXT)
        stored = key.removesuffix(AS_TEXT)
        if not services.links.verify(signature, stored, services.clock.now()):
            raise NotAllowed("This link is not valid, or no longer; fetch the request again for a fresh one.")
        data = services.blobs.get(stored)
        if as_text:
            return Response(base64.b64encode(data), media_type="text/plain", headers=HEADERS)
        suffix = PurePosixPath(stored).suffix
        return Response(data, media_type=MEDIA_TYPES.get(suffix, "application/octet-stream"), headers=HEADERS)

    return router
