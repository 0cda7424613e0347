"""Signing in with e-mail and password."""

from typing import Annotated

from fastapi import Form, Request, Response
from fastapi.responses import RedirectResponse

from easel.accounts import passwords
from easel.accounts.attempts import SIGN_INS_AS, SIGN_INS_FROM, take
from easel.accounts.emails import normalise
from easel.accounts.queries import find_by_email
from easel.accounts.sign_in import admit
from easel.domain.errors import DomainError, InvalidRequest, NotAuthenticated
from easel.site.addresses import own_path
from easel.site.refusals import refused
from easel.site.site import Site

WRONG = "The e-mail or the password is wrong."
"""The one sentence for both: which of the two it was is nobody's business."""


class Login:
    def __init__(self, site: Site) -> None:
        self._site = site

    def show(self, request: Request, then: str = "") -> Response:
        with self._site.services.database.transaction() as session:
            visitor, start = self._site.visitor(session, request), self._site.start(session)
        if visitor is not None:
            return RedirectResponse(own_path(then) or start, 303)
        return self._page(request, email="", then=then)

    def sign_in(
        self,
        request: Request,
        csrf: Annotated[str, Form()] = "",
        email: Annotated[str, Form()] = "",
        password: Annotated[str, Form()] = "",
        then: Annotated[str, Form()] = "",
    ) -> Response:
        try:
            self._site.check_stranger(request, csrf)
            return self._sign_in(request, email, password, then)
        except DomainError as refusal:
            return self._page(request, refusal, email=email, then=then)

    def _sign_in(self, request: Request, email: str, password: str, then: str) -> Response:
        """Raises NotAuthenticated, NotAllowed for a suspended account, TooManyAttempts.

        The password is checked between two transactions: hashing is slow, and a connection would wait for it.
        """
        database, clock = self._site.services.database, self._site.services.clock
        email = _as_stored(email)
        with database.transaction() as session:
            take(session, clock, SIGN_INS_FROM, self._site.client(request))
            take(session, clock, SIGN_INS_AS, email)
        with database.transaction() as session:
            account = find_by_email(session, email)
        stored = account.password_hash if account else None
        if not passwords.matches(stored, password) or account is None or stored is None:
            raise NotAuthenticated(WRONG)
        renewed = passwords.hashed(password) if passwords.is_outdated(stored) else stored
        with database.transaction() as session:
            account = admit(session, account.id, stored)
            account.password_hash = renewed
            return self._site.sign_in(session, request, account, own_path(then) or self._site.start(session))

    def _page(self, request: Request, refusal: DomainError | None = None, *, email: str, then: str) -> Response:
        shown = refused(refusal)
        return self._site.stranger_page(request, "login.html", **shown, email=email, then=own_path(then) or "")


def _as_stored(email: str) -> str:
    """What is no address is nobody's, and answered like any other that is unknown."""
    try:
        return normalise(email)
    except InvalidRequest:
        return ""
