"""What the routes that do not draw have in common: one act, in the name of a key, in one transaction."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from easel.accounts.tables import Account, Scope
from easel.domain.errors import NotAllowed
from easel.gateway.auth import as_account, key_of
from easel.gateway.incoming import Fields, read_incoming
from easel.gateway.services import Services, base_url_of

Handler: TypeAlias = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request that came in."""

    services: Services
    fields: Fields
    """Those of the path count before all others."""
    base_url: str

    def link(self, key: str) -> str:
        return f"{self.base_url}{self.services.links.path(key)}"


Act: TypeAlias = Callable[[Session, Account, Call], Any]
"""From a call to its answer."""


def acting(services: Services, scope: Scope, act: Act) -> Handler:
    async def handle(request: Request) -> Response:
        incoming = await read_incoming(request)
        call = Call(
            services=services,
            fields=incoming.fields | request.path_params,
            base_url=base_url_of(services, request),
        )
        key = key_of(request, incoming)
        return JSONResponse(
            await as_account(services, key, scope, lambda session, account: act(session, account, call))
        )

    return handle


def unavailable(reason: str) -> Act:
    """What the original has and this installation does not. `reason` is a sentence that says where it is instead."""

    def refuse(session: Session, account: Account, call: Call) -> Any:
        raise NotAllowed(f"Feature not available: {reason}")

    return refuse
