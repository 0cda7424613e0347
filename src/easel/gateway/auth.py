"""Where a client may put its key, and what is done in its account's name."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from easel.accounts.keys import authenticate
from easel.accounts.tables import Account, ApiKey, Scope
from easel.domain.errors import NotAuthenticated
from easel.gateway.incoming import Incoming
from easel.gateway.services import Services

Result = TypeVar("Result")


async def as_account(services: Services, key: str, scope: Scope, act: Callable[[Session, Account], Result]) -> Result:
    """`act` in the name of the key's account, in one transaction, on a thread.

    `scope` is what the key must be good for: READ to look, GENERATE to order or cancel, ADMIN to act on others.
    """

    return await as_key(services, key, scope, lambda session, used: act(session, used.account))


async def as_key(services: Services, key: str, scope: Scope, act: Callable[[Session, ApiKey], Result]) -> Result:
    """The same for what must know the key itself, such as an order, which is counted under it."""

    def in_transaction() -> Result:
        with services.database.transaction() as session:
            return act(session, authenticate(session, services.clock, key, scope))

    return await run_in_threadpool(in_transaction)


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
