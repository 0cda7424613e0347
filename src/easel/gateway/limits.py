"""How large a body may be. Counted while it arrives, so that a large one is never held."""

from typing import Final

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES: Final = 16 * 1024 * 1024


class BodyTooLarge(HTTPException):
    def __init__(self) -> None:
        limit = MAX_BODY_BYTES // 1024**2
        super().__init__(413, f"The body is larger than {limit} MiB. Send smaller images, or their addresses.")


class LimitBody:
    """Refuses a body that is, or says that it will be, larger than the limit."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced, received = _content_length(scope), 0

        async def receive_within_limit() -> Message:
            nonlocal received
            if announced > MAX_BODY_BYTES:
                raise BodyTooLarge
            message = await receive()
            received += len(message.get("body", b""))
            if received > MAX_BODY_BYTES:
                raise BodyTooLarge
            return message

        await self.app(scope, receive_within_limit, send)


def _content_length(scope: Scope) -> int:
    digits = dict(scope["headers"]).get(b"content-length", b"0")
    return int(digits) if digits.isdigit() else 0
