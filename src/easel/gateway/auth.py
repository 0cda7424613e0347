"""Where a client may put its key."""

from starlette.requests import Request

from easel.domain.errors import NotAuthenticated
from easel.gateway.incoming import Incoming


def key_of(request: Request, incoming: Incoming) -> str:
    """The first key among body `key`, header `key`, `X-API-Key`, Bearer and query `key`."""
    places = (
        incoming.body.get("key"),
        request.headers.get("key"),
        request.headers.get("x-api-key"),
        _bearer(request),
        incoming.query.get("key"),
    )
    key = next((place for place in places if place not in (None, "")), None)
    if key is None:
        raise NotAuthenticated("API key required")
    if not isinstance(key, str) or not key.isascii() or not key.isprintable():
        raise NotAuthenticated("Invalid API key")
    return key.strip()


def _bearer(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None
