"""One's own API keys: made, shown once, capped, revoked."""

from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import Form, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from easel.accounts.keys import USUAL_SCOPES, create_key, get_key, list_keys, revoke_key
from easel.accounts.roles import is_operator
from easel.accounts.tables import Scope
from easel.billing.caps import set_cap, spending_of
from easel.domain.errors import DomainError
from easel.domain.money import Micros, read_dollars
from easel.site.refusals import refused
from easel.site.site import Site

HERE: Final = "/account/keys"
WHAT: Final = {
    Scope.GENERATE: "Order pictures and cancel them",
    Scope.READ: "Look at pictures, models and money",
    Scope.ADMIN: "Do what your role here allows",
}


class Keyring:
    def __init__(self, site: Site) -> None:
        self._site = site

    def show(self, request: Request) -> Response:
        return self._page(request)

    def create(
        self,
        request: Request,
        csrf: Annotated[str, Form()] = "",
        name: Annotated[str, Form()] = "",
        scopes: Annotated[list[str] | None, Form()] = None,
        total: Annotated[str, Form()] = "",
        monthly: Annotated[str, Form()] = "",
    ) -> Response:
        """The page with the new key on it, which is shown nowhere else and never again."""
        clock, chosen = self._site.services.clock, scopes or []
        try:
            with self._site.sent(request, csrf) as (session, visitor):
                key, secret = create_key(session, clock, visitor.account.id, name, chosen)
                _set_caps(session, key.id, total, monthly)
        except DomainError as refusal:
            return self._page(request, refusal, key_name=name, chosen=chosen, total=total, monthly=monthly)
        answer = self._page(request, secret=secret, named=name.strip())
        answer.headers["Cache-Control"] = "no-store"  # nor by going back
        return answer

    def cap(
        self,
        request: Request,
        key_id: int,
        csrf: Annotated[str, Form()] = "",
        total: Annotated[str, Form()] = "",
        monthly: Annotated[str, Form()] = "",
    ) -> Response:
        """What a key may spend, in place of what was said before; nothing takes the cap off."""
        with self._site.sent(request, csrf) as (session, visitor):
            _set_caps(session, get_key(session, visitor.account.id, key_id).id, total, monthly)
        return RedirectResponse(HERE, 303)

    def revoke(self, request: Request, key_id: int, csrf: Annotated[str, Form()] = "") -> Response:
        services = self._site.services
        with services.database.transaction() as session:
            visitor = self._site.form_owner(session, request, csrf)
            revoke_key(session, services.clock, visitor.account.id, key_id)
        return RedirectResponse(HERE, 303)

    def _page(
        self,
        request: Request,
        refusal: DomainError | None = None,
        *,
        key_name: str = "",
        chosen: Sequence[str] = USUAL_SCOPES,
        total: str = "",
        monthly: str = "",
        secret: str = "",
        named: str = "",
    ) -> Response:
        with self._site.mine(request) as (session, visitor):
            keys = list_keys(session, visitor.account.id)[::-1]
            spending = spending_of(session, self._site.services.clock, [key.id for key in keys])
        offered = [scope for scope in Scope if scope != Scope.ADMIN or is_operator(visitor.account)]
        return self._site.page(
            request,
            "keys.html",
            visitor=visitor,
            keys=[key for key in keys if key.revoked_at is None],
            revoked=[key for key in keys if key.revoked_at is not None],
            spending=spending,
            scopes=[(scope, WHAT[scope]) for scope in offered],
            chosen=chosen,
            key_name=key_name,
            total=total,
            monthly=monthly,
            secret=secret,
            named=named,
            **refused(refusal),
        )


def _set_caps(session: Session, key_id: int, total: str, monthly: str) -> None:
    """Raises InvalidRequest for what is no amount."""
    set_cap(session, key_id, total=_amount("total", total), monthly=_amount("monthly", monthly))


def _amount(field: str, typed: str) -> Micros | None:
    return read_dollars(typed, field) if typed.strip() else None
