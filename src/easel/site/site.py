"""What every page shares: the services, the visitor's session and the templates."""

from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy.orm import Session

from easel.accounts.keys import refuse_suspended
from easel.accounts.queries import get_account
from easel.accounts.tables import Account
from easel.billing.plans import Plan, plan_named
from easel.billing.wallets import balance
from easel.domain.errors import NotAuthenticated, NotFound
from easel.domain.money import Micros
from easel.site.context import Services
from easel.site.rendering import Renderer
from easel.site.sessions import COOKIE, LIFETIME, SessionSigner

ENDED = "Your sign-in on this page has ended. Sign in again and repeat this; what you wrote is still here."
GROWN_OLD = "This page was opened before you signed in anew. Press the button once more."


@dataclass(frozen=True)
class Visitor:
    """A signed-in person."""

    account: Account
    plan: Plan
    balance: Micros | None
    """None where the plan asks for no money."""
    csrf: str


@dataclass(frozen=True)
class Site:
    services: Services
    sessions: SessionSigner
    renderer: Renderer = field(default_factory=Renderer)

    def visitor(self, session: Session, request: Request) -> Visitor | None:
        """Who is looking; None for a stranger, an ended session and an account that is gone."""
        known = self.sessions.read(request.cookies.get(COOKIE), self.services.clock.now())
        if known is None:
            return None
        try:
            account = get_account(session, known.account_id)
        except NotFound:
            return None
        return Visitor(account, plan_named(account.plan), money_of(session, account), self.sessions.form_token(known))

    def sender(self, session: Session, request: Request, csrf: str) -> Visitor:
        """Who sends a form of ours. Raises as `form_owner`, and NotAllowed for a suspended account."""
        visitor = self.form_owner(session, request, csrf)
        refuse_suspended(visitor.account)
        return visitor

    def form_owner(self, session: Session, request: Request, csrf: str) -> Visitor:
        """Whose form it is, suspended or not. Raises NotAuthenticated for a stranger or a form that is not ours."""
        known = self.sessions.read(request.cookies.get(COOKIE), self.services.clock.now())
        visitor = self.visitor(session, request)
        if known is None or visitor is None:
            raise NotAuthenticated(ENDED)
        if not self.sessions.is_form_token(known, csrf):
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

    def sign_in(self, request: Request, account: Account, then: str) -> RedirectResponse:
        response = RedirectResponse(then, 303)
        response.set_cookie(
            COOKIE,
            self.sessions.issue(account.id, self.services.clock.now()),
            max_age=int(LIFETIME.total_seconds()),
            httponly=True,
            samesite="lax",
            secure=self.base_url(request).startswith("https:"),
        )
        return response


def money_of(session: Session, account: Account) -> Micros | None:
    """What the account may spend; None where its plan asks for no money."""
    return None if plan_named(account.plan).is_free_of_charge else balance(session, account.id)
