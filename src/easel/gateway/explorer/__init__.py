"""The API explorer: /openapi.json as a page to try it on. Everything it loads is served here."""

from pathlib import Path
from typing import Final

from fastapi import APIRouter
from starlette.responses import FileResponse, Response

from easel.domain.errors import NotFound

FOLDER: Final = Path(__file__).parent

PARTS: Final = frozenset({"explorer.css", "explorer.js", "swagger-ui.css", "swagger-ui-bundle.js"})

HEADERS: Final = {
    "Content-Security-Policy": "; ".join(
        ("default-src 'self'", "img-src 'self' data: blob:", "base-uri 'none'", "frame-ancestors 'none'")
    ),
    "Cache-Control": "no-cache",
}


def explorer_router() -> APIRouter:
    router = APIRouter(prefix="/docs/api", include_in_schema=False)

    @router.get("")
    def explorer() -> Response:
        return FileResponse(FOLDER / "index.html", headers=HEADERS)

    @router.get("/{part}")
    def part(part: str) -> Response:
        if part not in PARTS:
            raise NotFound("The explorer has no such part. It begins at /docs/api.")
        return FileResponse(FOLDER / part, headers=HEADERS)

    return router
