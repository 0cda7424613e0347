"""One's own API keys: made, shown once, revoked."""

from typing import Annotated, Final

from fastapi import Form, Request, Response
from fastapi.responses import RedirectResponse

from easel.accounts.keys import USUAL_SCOPES, create_key, list_keys, revoke_key
from easel.accounts.roles import is_operator
from easel.accounts.tables import Scope
from easel.domain.errors import DomainError, NotAuthenticated
from easel.site.refusals import refused
from easel.site.site import Site, Visitor

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
        with self._site.services.database.transaction() as session:
            visitor = self._site.visitor(session, request)
        if visitor is None:
            return RedirectResponse(f"/login?then={HERE}", 303)
        return self._page(request, visitor)

    def create(
        self,
        request: Request,
        csrf: Annotated[str, Form()] = "",
        name: Annotated[str, Form()] = "",
        scopes: Annotated[list[str] | None, Form()] = None,
    ) -> Response:
        """The page with the new key on it, which is shown nowhere else and never again."""
        services, chosen = self._site.services, scopes or []
        try:
            with services.database.transaction() as session:
                visitor = self._site.sender(session, request, csrf)
                _, secret = create_key(session, services.clock, visitor.account.id, name, chosen)
        except NotAuthenticated:
            raise
        except DomainError as refusal:
            with services.database.transaction() as session:
                visitor = self._site.form_owner(session, request, csrf)
            return self._page(request, visitor, refusal, name=name, chosen=chosen)
        page = self._page(request, visitor, secret=secret, named=name.strip())
        page.headers["Cache-Control"] = "no-store"  # nor by going back
        return page

    def revoke(self, request: Request, key_id: int, csrf: Annotated[str, Form()] = "") -> Response:
        services = self._site.services
        with services.database.transaction() as session:
            visitor = self._site.form_owner(session, request, csrf)
            revoke_key(session, services.clock, visitor.account.id, key_id)
        return RedirectResponse(HERE, 303)

    def _page(
        self,
        request: Request,
        visitor: Visitor,
        refusal: DomainError | None = None,
        *,
        name: str = "",
        chosen: list[str] | None = None,
        secret: str = "",
        named: str = "",
    ) -> Response:
        with self._site.services.database.transaction() as session:
            keys = list_keys(session, visitor.account.id)
        offered = [scope for scope in Scope if scope != Scope.ADMIN or is_operator(visitor.account)]
        return self._site.page(
            request,
            "keys.html",
            visitor=visitor,
            keys=[key for key in reversed(keys) if key.revoked_at is None],
            revoked=[key for key in reversed(keys) if key.revoked_at is not None],
            scopes=[(scope, WHAT[scope]) for scope in offered],
            chosen=USUAL_SCOPES if chosen is None else chosen,
            key_name=name,
            secret=secret,
            named=named,
            **refused(refusal),
        )
