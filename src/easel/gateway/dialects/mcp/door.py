"""Who may come in at /mcp. The SDK takes a second to import, so it is imported when the first client comes."""

import asyncio
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from easel.accounts import tables
from easel.domain.errors import NotAllowed, NotAuthenticated
from easel.gateway.auth import as_account, key_of
from easel.gateway.errors import Refusal
from easel.gateway.incoming import Incoming
from easel.gateway.limits import MAX_BODY_BYTES
from easel.gateway.services import Services

PATHS: Final = ("/mcp", "/mcp/v7")
"""The second is where ModelsLab's clients look for one."""

KEY_REQUIRED: Final = "Authentication required. Please provide a valid API key."
INVALID_REQUEST: Final = -32600
INTERNAL_ERROR: Final = -32603


def answer_error(_: Request, refusal: Refusal) -> Response:
    """A refusal before any tool was called, as JSON-RPC says it; the status is HTTP's."""
    code = INTERNAL_ERROR if refusal.status >= 500 else INVALID_REQUEST
    body = {"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": refusal.message}}
    ask = {"WWW-Authenticate": "Bearer"} if refusal.status == 401 else {}
    return JSONResponse(body, refusal.status, refusal.headers | ask)


class Door:
    """An ASGI application: checks the origin and the key, then hands on to the SDK."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._opening = asyncio.Lock()
        self._leaving = asyncio.Event()
        self._inside: ASGIApp | None = None
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        self._check_origin(request)
        await self._check_key(request)
        inside = self._inside or await self._open()
        await inside(scope, receive, send)

    async def close(self) -> None:
        """End what still runs; for the end of the process."""
        self._leaving.set()
        if self._running is not None:
            await self._running

    def _check_origin(self, request: Request) -> None:
        """A page of another site must not reach a server of its visitor's network (DNS rebinding).

        Only browsers send an Origin. Raises NotAllowed unless it is this installation's own, or on this machine.
        """
        origin = request.headers.get("origin")
        if origin is None or _is_local(origin) or origin == _origin_of(self._services.public_url):
            return
        raise NotAllowed(
            "Pages of this origin may not call /mcp; an operator can allow one's own by EASEL_PUBLIC_URL, and programs "
            "send no Origin header."
        )

    async def _check_key(self, request: Request) -> None:
        """Raises NotAuthenticated. Whether the key may do what a tool does is the tool's to ask."""
        try:
            key = key_of(request, Incoming({}, {}))
        except NotAuthenticated:
            raise NotAuthenticated(KEY_REQUIRED) from None
        try:
            await as_account(self._services, key, tables.Scope.READ, _nothing)
        except NotAllowed:
            return

    async def _open(self) -> ASGIApp:
        async with self._opening:
            if self._inside is not None:  # somebody else came first
                return self._inside
            manager = await run_in_threadpool(_session_manager, self._services)
            opened = asyncio.Event()
            self._running = asyncio.create_task(self._run(manager, opened))
            await opened.wait()
            inside: ASGIApp = manager.handle_request
            self._inside = inside
            return inside

    async def _run(self, manager: Any, opened: asyncio.Event) -> None:
        """One task enters and leaves what the SDK's task group needs."""
        async with manager.run():
            opened.set()
            await self._leaving.wait()


def _nothing(session: Session, account: tables.Account) -> None:
    """The key is good; that is all that was to be known."""


def _session_manager(services: Services) -> Any:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

    from easel.gateway.dialects.mcp.server import build

    return StreamableHTTPSessionManager(build(services), stateless=True, max_request_body_size=MAX_BODY_BYTES)


def _origin_of(address: str | None) -> str | None:
    parts = urlsplit(address or "")
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else None


def _is_local(origin: str) -> bool:
    try:
        host = urlsplit(origin).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
