"""Signing in with a one-time link, and signing out."""

from typing import Annotated, Final

from fastapi import Form, Request, Response
from fastapi.responses import RedirectResponse

from easel.accounts.sessions import end_session
from easel.accounts.sign_in import redeem_sign_in_token
from easel.domain.errors import NotAuthenticated
from easel.site.sessions import COOKIE
from easel.site.site import Site

USED: Final = (
    "A link signs in once and for a limited time, so that nobody else can use it after you.",
    "For a new one, run `easel accounts sign-in` on the machine that Easel runs on, or restart the server.",
)


class Entrance:
    def __init__(self, site: Site) -> None:
        self._site = site

    def show(self, request: Request, token: str = "") -> Response:
        """The page that a link opens: one button. Without a token, the way in for everybody.

        The link alone changes nothing: programs that preview links open it as well, and would use it up, and whoever
        is signed in already is not made somebody else unasked.
        """
        with self._site.services.database.transaction() as session:
            visitor = self._site.visitor(session, request)
        if token:
            return self._site.page(request, "sign_in.html", visitor=visitor, token=token)
        return RedirectResponse("/login", 303)

    def sign_in(self, request: Request, token: Annotated[str, Form()] = "") -> Response:
        """Redeem the token that the button sends.

        No form token guards this: the token itself is the secret, and there may be no session yet that a form token
        could belong to. A form of another site that holds no good token does nothing here.
        """
        services = self._site.services
        with services.database.transaction() as session:
            visitor = self._site.visitor(session, request)
            start = self._site.start(session)
        try:
            with services.database.transaction() as session:
                account = redeem_sign_in_token(session, services.clock, token)
                return self._site.sign_in(session, request, account, start)
        except NotAuthenticated:
            if visitor is None:
                return self._message(request, "This sign-in link has been used or has run out", USED, status=401)
        # The same link used twice is no reason to frighten somebody who is in already.
        return RedirectResponse(start, 303)

    def sign_out(self, request: Request, csrf: Annotated[str, Form()] = "") -> Response:
        with self._site.services.database.transaction() as session:
            visitor = self._site.form_owner(session, request, csrf)
            end_session(session, visitor.account.id, visitor.session.id)
        response = RedirectResponse("/", 303)
        response.delete_cookie(COOKIE)
        return response

    def _message(self, request: Request, title: str, sentences: tuple[str, ...], status: int = 200) -> Response:
        page = self._site.page
        return page(request, "message.html", status=status, title=title, sentences=sentences, visitor=None)
