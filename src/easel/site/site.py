"""What every page shares: the services, the visitor's session and the templates."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from fastapi import Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy.orm import Session

from easel.accounts.attempts import network_of
from easel.accounts.keys import refuse_suspended
from easel.accounts.roles import is_operator
from easel.accounts.sessions import LIFETIME, end_session, find_session, open_session
from easel.accounts.tables import Account, BrowserSession
from easel.billing.notices import is_low
from easel.billing.plans import Plan, plan_named
from easel.billing.wallets import balance
from easel.catalogue.queries import find_model
from easel.domain.errors import NotAuthenticated
from easel.domain.money import Micros
from easel.kit.ids import new_token
from easel.site.addresses import model_address
from easel.site.context import Services
from easel.site.rendering import Renderer
from easel.site.sessions import COOKIE, FORM_COOKIE, FORM_LIFETIME, SessionSigner

ENDED = "Your sign-in on this page has ended. Sign in again and repeat this; what you wrote is still here."
UNKNOWN_FORM = "This form was opened too long ago, or the browser keeps no cookies for this site. Send it once more."
GROWN_OLD = "This page was opened before you signed in anew. Press the button once more."


class SignInFirst(NotAuthenticated):
    """A stranger asks for a page about oneself; `then` is where to go once it is known who that is."""

    def __init__(self, then: str) -> None:
        super().__init__(ENDED)
        self.then = then


@dataclass(frozen=True)
class Visitor:
    """A signed-in person."""

    account: Account
    session: BrowserSession
    plan: Plan
    balance: Micros | None
    """None where the plan asks for no money."""
    csrf: str

    @property
    def is_operator(self) -> bool:
        return is_operator(self.account)

    @property
    def is_short_of_money(self) -> bool:
        return self.balance is not None and is_low(self.balance)


@dataclass(frozen=True)
class Site:
    services: Services
    sessions: SessionSigner
    renderer: Renderer = field(default_factory=Renderer)

    def visitor(self, session: Session, request: Request) -> Visitor | None:
        """Who is looking; None for a stranger and for a session that ended or ran out."""
        token = self.sessions.read(request.cookies.get(COOKIE))
        found = find_session(session, self.services.clock, token) if token else None
        if token is None or found is None:
            return None
        known, account = found
        plan, money = plan_named(account.plan), money_of(session, account)
        return Visitor(account, known, plan, money, self.sessions.form_token(token))

    @contextmanager
    def mine(self, request: Request) -> Generator[tuple[Session, Visitor]]:
        """A page about oneself, in one transaction. Raises SignInFirst for a stranger."""
        with self.services.database.transaction() as session:
            visitor = self.visitor(session, request)
            if visitor is None:
                raise SignInFirst(request.url.path if request.method == "GET" else "/account")
            yield session, visitor

    @contextmanager
    def sent(self, request: Request, csrf: str) -> Generator[tuple[Session, Visitor]]:
        """A form that somebody sends, in one transaction. Raises as `sender`."""
        with self.services.database.transaction() as session:
            yield session, self.sender(session, request, csrf)

    def sender(self, session: Session, request: Request, csrf: str) -> Visitor:
        """Who sends a form of ours. Raises as `form_owner`, and NotAllowed for a suspended account."""
        visitor = self.form_owner(session, request, csrf)
        refuse_suspended(visitor.account)
        return visitor

    def form_owner(self, session: Session, request: Request, csrf: str) -> Visitor:
        """Whose form it is, suspended or not. Raises NotAuthenticated for a stranger or a form that is not ours."""
        token = self.sessions.read(request.cookies.get(COOKIE))
        visitor = self.visitor(session, request)
        if token is None or visitor is None:
            raise NotAuthenticated(ENDED)
        if not self.sessions.is_form_token(token, csrf):
            raise NotAuthenticated(GROWN_OLD)
        return visitor

    def base_url(self, request: Request) -> str:
        """Where this installation is reached, without a slash at the end."""
        return (self.services.public_url or str(request.base_url)).rstrip("/")

    def page(self, request: Request, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
        """A whole page, for the visitor in `context` or for whoever sent the request."""
        if "visitor" not in context:
            with self.services.database.transaction() as session:
                context["visitor"] = self.visitor(session, request)
        return self.renderer.page(template, status=status, **context)

    def tell(self, request: Request, title: str, *sentences: str) -> HTMLResponse:
        """A page that says something and asks nothing."""
        return self.page(request, "message.html", title=title, sentences=sentences)

    def sign_in(self, session: Session, request: Request, account: Account, then: str) -> RedirectResponse:
        """A new session for this browser, whatever it was before: nobody can have known its token."""
        before = self.visitor(session, request)
        if before is not None:
            end_session(session, before.account.id, before.session.id)
        token = open_session(session, self.services.clock, account.id, request.headers.get("user-agent", ""))
        response = RedirectResponse(then, 303)
        self.set_cookie(request, response, COOKIE, self.sessions.cookie(token), LIFETIME)
        return response

    def stranger_page(self, request: Request, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
        """A page with a form for people who may not be signed in; the form is bound to this browser all the same.

        Otherwise another site could sign its visitors in here as somebody of its choice, and see what they do.
        """
        nonce = self._stranger(request) or new_token(128)
        csrf = self.sessions.form_token(nonce)
        page = self.page(request, template, status=status, csrf=csrf, doors=self.services.doors, **context)
        self.set_cookie(request, page, FORM_COOKIE, self.sessions.cookie(nonce), FORM_LIFETIME)
        return page

    def check_stranger(self, request: Request, csrf: str) -> None:
        """Raises NotAuthenticated for a form that was not made for this browser."""
        nonce = self._stranger(request)
        if nonce is None or not self.sessions.is_form_token(nonce, csrf):
            raise NotAuthenticated(UNKNOWN_FORM)

    def _stranger(self, request: Request) -> str | None:
        return self.sessions.read(request.cookies.get(FORM_COOKIE))

    def client(self, request: Request) -> str:
        """The network that a request comes from, for limits."""
        return network_of(request.client.host if request.client else None)

    def start(self, session: Session) -> str:
        """Where somebody begins who has just come in."""
        return model_address(find_model(session, self.services.default_model))

    def set_cookie(self, request: Request, response: Response, name: str, value: str, lifetime: timedelta) -> None:
        """Out of reach of scripts and of forms on other sites."""
        response.set_cookie(
            name,
            value,
            max_age=int(lifetime.total_seconds()),
            httponly=True,
            samesite="lax",
            secure=self.base_url(request).startswith("https:"),
        )


def money_of(session: Session, account: Account) -> Micros | None:
    """What the account may spend; None where its plan asks for no money."""
    return None if plan_named(account.plan).is_free_of_charge else balance(session, account.id)
