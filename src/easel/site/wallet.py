"""One's money: what there is, where it went, and more of it by card."""

from typing import Annotated, Final

from fastapi import Form, Query, Request, Response

from easel.accounts.attempts import PAYMENTS_OF, take
from easel.billing import payments, wallets
from easel.billing.checkout import Checkout
from easel.domain.errors import DomainError, NotAllowed
from easel.domain.money import MICROS_PER_DOLLAR, Micros, read_dollars
from easel.site.downloads import as_csv, days
from easel.site.refusals import refused
from easel.site.site import Site

HERE: Final = "/account/wallet"
LINES: Final = 25
OFFERED: Final = tuple(Micros(dollars * MICROS_PER_DOLLAR) for dollars in (10, 25, 50, 100))
NO_CARDS: Final = "This installation takes no cards. Ask whoever runs it to add credit to your account."
LINE_NUMBER = Annotated[int | None, Query(ge=1, lt=2**63)]


class WalletPage:
    def __init__(self, site: Site) -> None:
        self._site = site

    def show(self, request: Request, before: LINE_NUMBER = None, paid: str = "") -> Response:
        """`before` is a line of the statement: the page goes on after it. `paid` is a payment that one comes from."""
        return self._page(request, before=before, paid=paid)

    def statement(self, request: Request, since: str = "", until: str = "") -> Response:
        with self._site.mine(request) as (session, visitor):
            first, end = days(since, until, self._site.services.clock.now())
            return as_csv("easel-statement.csv", wallets.statement_csv(session, visitor.account.id, first, end))

    def top_up(
        self,
        request: Request,
        csrf: Annotated[str, Form()] = "",
        amount: Annotated[str, Form()] = "",
        other: Annotated[str, Form()] = "",
    ) -> Response:
        """A page that leads on to where the card is charged; `other` is an amount that was typed.

        No redirection: a browser lets no form lead to another host under our content security policy.
        """
        services, typed = self._site.services, other.strip() or amount
        try:
            with self._site.sent(request, csrf) as (session, visitor):
                checkout = self._checkout()
                take(session, services.clock, PAYMENTS_OF, visitor.account.id)
            with self._site.sent(request, csrf) as (session, visitor):
                wanted, least = read_dollars(typed, "amount"), services.least_top_up
                top_up = payments.begin(session, services.clock, visitor.account.id, wanted, least=least)
            opened = checkout.open(
                uuid=top_up.uuid,
                amount=Micros(top_up.amount),
                currency=top_up.currency,
                email=visitor.account.email,
                back_to=self._site.base_url(request) + HERE,
                product="Easel credit",
            )
            with services.database.transaction() as session:
                payments.opened(session, top_up.id, opened.session_id)
        except DomainError as refusal:
            return self._page(request, refusal, typed=other)
        return self._site.page(request, "leaving.html", visitor=visitor, amount=top_up.amount, address=opened.url)

    def _checkout(self) -> Checkout:
        """Raises NotAllowed where no cards are taken."""
        if self._site.services.checkout is None:
            raise NotAllowed(NO_CARDS)
        return self._site.services.checkout

    def _page(
        self,
        request: Request,
        refusal: DomainError | None = None,
        *,
        before: int | None = None,
        paid: str = "",
        typed: str = "",
    ) -> Response:
        services = self._site.services
        with self._site.mine(request) as (session, visitor):
            account_id = visitor.account.id
            lines = wallets.statement(session, account_id, LINES + 1, before=before)
            money, aside = wallets.balance(session, account_id), wallets.reserved(session, account_id)
            top_ups = payments.top_ups_of(session, account_id)
        return self._site.page(
            request,
            "wallet.html",
            visitor=visitor,
            money=money,
            aside=aside,
            lines=lines[:LINES],
            next=lines[LINES - 1].transfer_id if len(lines) > LINES else None,
            is_first=before is None,
            top_ups=top_ups,
            back_from=next((top_up for top_up in top_ups if top_up.uuid == paid), None),
            offered=[amount for amount in OFFERED if amount >= services.least_top_up] if services.checkout else [],
            least=services.least_top_up,
            no_cards="" if services.checkout else NO_CARDS,
            typed=typed,
            **refused(refusal),
        )
