"""One's plan: what it gives, what others give, and changing over."""

from typing import Annotated, Final

from fastapi import Form, Request, Response
from fastapi.responses import RedirectResponse

from easel.billing import subscriptions, wallets
from easel.billing.plans import PLANS
from easel.domain.errors import DomainError, NotEnoughCredit
from easel.generations.plans import choose_plan
from easel.site.refusals import refused
from easel.site.site import Site

HERE: Final = "/account/plan"
DONE: Final = {
    "chosen": "You are on your new plan. Pictures already asked for keep their price.",
    "renews": "Your plan goes on, month by month, from your credit.",
    "ends": "Your plan ends with the month that is paid; then you pay for each picture.",
}
OFFERED: Final = tuple(name for name in PLANS if name != subscriptions.FREE)
"""The free plan is where accounts begin; nobody goes back to it."""


class PlanPage:
    def __init__(self, site: Site) -> None:
        self._site = site

    def show(self, request: Request, done: str = "") -> Response:
        return self._page(request, done=DONE.get(done, ""))

    def choose(
        self, request: Request, csrf: Annotated[str, Form()] = "", plan: Annotated[str, Form()] = ""
    ) -> Response:
        """Change over at once; a plan with a fee is paid for a month."""
        try:
            with self._site.sent(request, csrf) as (session, visitor):
                choose_plan(session, self._site.services.clock, visitor.account.id, plan)
        except DomainError as refusal:
            return self._page(request, refusal)
        return RedirectResponse(f"{HERE}?done=chosen", 303)

    def renew(
        self, request: Request, csrf: Annotated[str, Form()] = "", renews: Annotated[bool, Form()] = False
    ) -> Response:
        """Whether the plan goes on after the month that is paid."""
        try:
            with self._site.sent(request, csrf) as (session, visitor):
                subscriptions.set_renewal(session, visitor.account.id, renews)
        except DomainError as refusal:
            return self._page(request, refusal)
        return RedirectResponse(f"{HERE}?done={'renews' if renews else 'ends'}", 303)

    def _page(self, request: Request, refusal: DomainError | None = None, *, done: str = "") -> Response:
        with self._site.mine(request) as (session, visitor):
            money = wallets.balance(session, visitor.account.id)
            period = subscriptions.period_of(session, visitor.account.id)
            changes = subscriptions.changes_of(session, visitor.account.id)
        return self._site.page(
            request,
            "plan.html",
            visitor=visitor,
            plans=[plan for plan in PLANS.values() if plan.name in (visitor.plan.name, *OFFERED)],
            titles={plan.name: plan.title for plan in PLANS.values()},
            money=money,
            period=period,
            changes=changes[:20],
            done=done,
            is_short=isinstance(refusal, NotEnoughCredit),
            **refused(refusal),
        )
