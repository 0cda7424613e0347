"""What pages load beside themselves: read and compressed once, at an address that changes with any of it.

    /static/VERSION/css/base+parts.css    several style sheets as one file, in this order
    /static/VERSION/playground/send.js    scripts find each other by relative addresses, so they share the version
    /static/showcase/heart.webp           without a version, for what is linked to from elsewhere

What stands at an address with the present version never changes, so a browser asks for it once.
"""

import gzip
import hashlib
import mimetypes
import re
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

FOLDER: Final = Path(__file__).parent / "static"
FOREVER: Final = "public, max-age=31536000, immutable"
A_DAY: Final = "public, max-age=86400"
AGAIN: Final = "no-cache"
"""Asked for at every visit (and answered 304), so that an upgrade never meets yesterday's scripts."""
COMPRESSED: Final = ("text/", "image/svg+xml")
SHEETS: Final = re.compile(r"css/([a-z]+(?:\+[a-z]+){1,9})\.css")


@dataclass(frozen=True)
class Asset:
    data: bytes
    media_type: str
    zipped: bytes | None
    """None where it is compressed as it is."""
    tag: str

    @classmethod
    def of(cls, data: bytes, path: str) -> "Asset":
        media_type = mimetypes.guess_type(path)[0] or "application/octet-stream"
        zipped = gzip.compress(data, 9, mtime=0) if media_type.startswith(COMPRESSED) else None
        return cls(data, media_type, zipped, f'"{hashlib.sha256(data).hexdigest()[:20]}"')


def address(path: str) -> str:
    """Where a file of the folder is served for as long as it is what it is."""
    return f"/static/{version()}/{path}"


def sheets(*names: str) -> str:
    """Where style sheets are served as one."""
    return address(f"css/{'+'.join(names)}.css")


@cache
def version() -> str:
    files = sorted((path, file.tag) for path, file in _files().items())
    return hashlib.sha256(repr(files).encode()).hexdigest()[:12]


@cache
def scripts(folder: str) -> tuple[str, ...]:
    """Every script of a folder: a page names them all, or a browser finds them one after the other."""
    return tuple(address(path) for path in sorted(_files()) if path.startswith(f"{folder}/") and path.endswith(".js"))


class Assets:
    """Serves the folder; `scope` has the path below /static."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise HTTPException(404)
        if scope["method"] not in ("GET", "HEAD"):
            raise HTTPException(405, headers={"Allow": "GET, HEAD"})
        path = str(scope["path"]).removeprefix(str(scope.get("root_path", ""))).removeprefix("/")
        said, _, rest = path.partition("/")
        is_versioned = bool(re.fullmatch("[0-9a-f]{12}", said))
        asset = _find(rest if is_versioned else path)
        if asset is None:
            raise HTTPException(404)
        is_picture = asset.zipped is None
        lasts = FOREVER if said == version() else A_DAY if is_picture else AGAIN
        await _answer(asset, Headers(scope=scope), lasts)(scope, receive, send)


def _answer(asset: Asset, asked: Headers, lasts: str) -> Response:
    headers = {"Cache-Control": lasts, "ETag": asset.tag, "Vary": "Accept-Encoding"}
    if asset.tag in asked.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if asset.zipped is not None and "gzip" in asked.get("accept-encoding", ""):
        return Response(asset.zipped, media_type=asset.media_type, headers={**headers, "Content-Encoding": "gzip"})
    return Response(asset.data, media_type=asset.media_type, headers=headers)


@lru_cache(maxsize=64)
def _find(path: str) -> Asset | None:
    found = SHEETS.fullmatch(path)
    if not found:
        return _files().get(path)
    parts = [_files().get(f"css/{name}.css") for name in found[1].split("+")]
    if any(part is None for part in parts):
        return None
    return Asset.of(b"\n".join(part.data for part in parts if part), path)


@cache
def _files() -> dict[str, Asset]:
    files = [file for file in FOLDER.rglob("*") if file.is_file()]
    return {file.relative_to(FOLDER).as_posix(): Asset.of(file.read_bytes(), file.name) for file in files}
