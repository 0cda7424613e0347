"""What is done to every request, whatever it asks for."""

import re
import time
import traceback
from collections.abc import Callable
from pathlib import PurePath
from typing import Final
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from easel.kit.ids import new_uuid

OPEN_TO_BROWSERS: Final = ("/api/", "/files/", "/v1/", "/sdapi/", "/controlnet/")
"""Paths that a page of any origin may call: they know a client by its key or by a signed link, never by a cookie."""

HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    # A link to a picture holds its signature: no other site may read it off a referrer.
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}

QUIET: Final = ("/healthz", "/readyz", "/static")

log = structlog.get_logger()


class TidyPath:
    """Old clients send absolute request lines, doubled slashes and trailing ones; the API takes them all."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path: str = scope["path"]
            if path.startswith(("http://", "https://")):
                path = _path_of(path)
            if path.lstrip("/").startswith(("api/", "v1/", "sdapi/", "internal/", "controlnet/", "mcp/")):
                path = re.sub("/+", "/", path).rstrip("/")
            scope = {**scope, "path": path, "raw_path": path.encode()}
        await self.app(scope, receive, send)


def _path_of(address: str) -> str:
    try:
        return urlsplit(address).path
    except ValueError:  # no address at all: it stays as it is, and nothing is there
        return address


class OpenToBrowsers:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.open = CORSMiddleware(app, allow_origins=["*"], allow_methods=["GET", "POST"], allow_headers=["*"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_open = scope["type"] == "http" and scope["path"].startswith(OPEN_TO_BROWSERS)
        await (self.open if is_open else self.app)(scope, receive, send)


class SecurityHeaders:
    """Headers that a route may set otherwise, but not leave out."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_with_headers)


class Journal:
    """One line a request, and an answer for the errors that nobody expected.

    The id in the line is the answer's X-Request-Id. An unexpected error is logged by its class and place: its text may
    quote a prompt or a key.
    """

    def __init__(self, app: ASGIApp, answer: Callable[[Request, Exception], Response]) -> None:
        self.app = app
        self.answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id, started, status = new_uuid(), time.perf_counter(), 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except ClientDisconnect:
            status = 499
        except Exception as error:
            log.error("unexpected error", id=request_id, error=type(error).__name__, at=_places(error))
            if status:
                raise  # half an answer is out: the server must break the connection off
            await self.answer(Request(scope), error)(scope, receive, send_with_id)
        finally:
            route = getattr(scope.get("route"), "path", "unknown")
            write = log.debug if scope["path"].startswith(QUIET) else log.info
            seconds = round(time.perf_counter() - started, 3)
            write("request", id=request_id, method=scope["method"], route=route, status=status, seconds=seconds)


def _places(error: Exception) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames[-8:]]
