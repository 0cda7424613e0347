"""One's wallet and plan: what is shown, what a card adds, what a plan costs."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from html import unescape

import pytest
from fastapi.testclient import TestClient
from house import House

from easel.accounts.queries import get_account
from easel.accounts.tables import Account
from easel.billing import ledger, payments, subscriptions
from easel.billing.checkout import Checkout
from easel.billing.fake_stripe import FakeStripe, event, signature_of
from easel.billing.wallets import balance
from easel.domain.money import MICROS_PER_DOLLAR, Micros
from easel.gateway.app import create_app
from easel.gateway.payments import PATH

WALLET, PLAN = "/account/wallet", "/account/plan"


@pytest.fixture
def inside(house: House, ada: Account) -> House:
    house.sign_in(ada)
    return house


@pytest.fixture
def stripe() -> Iterator[FakeStripe]:
    with FakeStripe("whsec_test") as stripe:
        yield stripe


@pytest.fixture
def till(house: House, ada: Account, stripe: FakeStripe) -> Iterator[House]:
    """The same house where cards are taken, and Ada in it."""
    checkout = Checkout(secret_key="sk_test_1", webhook_secret="whsec_test", api_base=stripe.url)
    services = replace(house.services, checkout=checkout)
    with TestClient(create_app(services), base_url="http://easel.test") as browser:
        till = House(services, house.clock, browser)
        till.sign_in(ada)
        yield till


def give(house: House, account: Account, dollars: int) -> None:
    amount = Micros(dollars * MICROS_PER_DOLLAR)
    with house.services.database.transaction() as session:
        ledger.credit(session, house.clock, account.id, amount, key=f"{account.id} {dollars}", memo="<b>a gift</b>")


def plan_of(house: House, account: Account) -> str:
    with house.services.database.transaction() as session:
        return get_account(session, account.id).plan


def money_of(house: House, account: Account) -> int:
    with house.services.database.transaction() as session:
        return balance(session, account.id)


class TestWallet:
    def test_it_shows_the_balance_what_is_set_aside_and_every_line(self, inside: House) -> None:
        inside.ordered()
        page = inside.browser.get(WALLET).text
        assert re.search(r"data-balance>\$0\.9953<", page)
        assert "$0.0047 more is set aside" in page
        assert "Set aside for pictures" in page
        assert "for tests" in page

    def test_a_long_statement_is_turned_over(self, inside: House, ada: Account) -> None:
        for dollars in range(1, 31):
            give(inside, ada, dollars)
        first = inside.browser.get(WALLET).text
        assert first.count("&lt;b&gt;a gift") == 25
        [older] = re.findall(r'href="(\?before=\d+)"', first)
        rest = inside.browser.get(WALLET + older).text
        assert rest.count("&lt;b&gt;a gift") == 5
        assert "Older lines" not in rest

    @pytest.mark.parametrize("before", ["0", "x", "9" * 30])
    def test_a_line_that_there_cannot_be_is_no_crash(self, inside: House, before: str) -> None:
        assert inside.browser.get(f"{WALLET}?before={before}").status_code == 422

    def test_the_statement_as_csv(self, inside: House, ada: Account, grace: Account) -> None:
        give(inside, grace, 7)
        inside.clock.advance(timedelta(seconds=1))
        answer = inside.browser.get(f"{WALLET}/statement.csv")
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        assert [(row["kind"], row["available"], row["balance"]) for row in rows] == [("credit", "1", "1")]
        today = inside.clock.now().date()
        assert len(inside.browser.get(f"{WALLET}/statement.csv?since={today}&until={today}").text.splitlines()) == 2
        tomorrow = today + timedelta(days=1)
        assert len(inside.browser.get(f"{WALLET}/statement.csv?since={tomorrow}").text.splitlines()) == 1

    def test_a_day_that_is_none_is_said(self, inside: House) -> None:
        answer = inside.browser.get(f"{WALLET}/statement.csv?since=yesterday")
        assert answer.status_code == 422
        assert "Write the day like" in answer.text

    def test_a_low_balance_is_said_on_every_page(self, inside: House, ada: Account) -> None:
        assert "Your balance is low" not in inside.browser.get("/account").text
        inside.ordered()
        for page in ("/account", "/account/keys", "/account/profile"):
            assert "Your balance is low: $0.9953" in inside.browser.get(page).text
        assert "That is little." in inside.browser.get(WALLET).text


class TestTopUp:
    def test_a_card_is_charged_and_the_wallet_says_so(self, till: House, ada: Account, stripe: FakeStripe) -> None:
        leaving = till.send(WALLET, amount="25.00").text
        [address] = set(re.findall(rf'"(?:0;url=)?({stripe.url}/pay/[^"]+)"', leaving))
        [session] = stripe.sessions.values()
        assert (session["amount_total"], session["currency"]) == (2500, "usd")
        assert address == session["url"]
        assert money_of(till, ada) == MICROS_PER_DOLLAR
        back = session["success_url"].removeprefix("http://easel.test")
        waiting = till.browser.get(back).text
        assert "is on its way" in waiting
        assert 'http-equiv="refresh"' in waiting
        paid = event("checkout.session.completed", session | {"payment_status": "paid", "payment_intent": "pi_1"})
        self.deliver(till, paid)
        assert money_of(till, ada) == 26 * MICROS_PER_DOLLAR
        thanks = till.browser.get(back).text
        assert "Thank you. $25.00 are in your wallet." in thanks
        assert 'http-equiv="refresh"' not in thanks

    def test_an_amount_that_is_typed_goes_before_one_that_is_picked(self, till: House, stripe: FakeStripe) -> None:
        till.send(WALLET, amount="25.00", other=" $12.34 ")
        assert [session["amount_total"] for session in stripe.sessions.values()] == [1234]

    @pytest.mark.parametrize(
        ("other", "says"),
        [
            ("1", "A top-up must be from $10.00 to $10,000.00"),
            ("10.001", "in whole cents"),
            ("a lot", "is no amount of dollars"),
            ("1e400", "A top-up must be"),
            ("nan", "is no whole number"),
        ],
    )
    def test_an_unfit_amount_is_said_beside_its_field(
        self, till: House, stripe: FakeStripe, other: str, says: str
    ) -> None:
        answer = till.send(WALLET, other=other)
        assert answer.status_code == 422
        assert says in unescape(answer.text)
        assert f'value="{other}"' in answer.text
        assert stripe.sessions == {}

    def test_a_provider_that_is_away_is_said_and_nothing_is_owed(
        self, till: House, ada: Account, stripe: FakeStripe
    ) -> None:
        stripe.__exit__()
        answer = till.send(WALLET, amount="10.00")
        stripe.__enter__()
        assert answer.status_code == 503
        assert "try again in a moment" in answer.text
        assert money_of(till, ada) == MICROS_PER_DOLLAR

    def test_somebody_elses_payment_is_not_shown(self, till: House, grace: Account) -> None:
        with till.services.database.transaction() as session:
            hers = payments.begin(session, till.clock, grace.id, Micros(33_000_000), least=Micros(1))
        assert "$33.00" not in till.browser.get(f"{WALLET}?paid={hers.uuid}").text

    def test_where_no_cards_are_taken_the_page_says_whom_to_ask(self, inside: House) -> None:
        assert "takes no cards" in inside.browser.get(WALLET).text
        assert inside.send(PLAN, WALLET, amount="10.00").status_code == 403

    def deliver(self, till: House, body: bytes) -> None:
        headers = {"Stripe-Signature": signature_of(body, "whsec_test")}
        assert till.browser.post(PATH, content=body, headers=headers).status_code == 200


class TestPlan:
    def test_a_plan_is_chosen_and_its_month_paid(self, inside: House, ada: Account) -> None:
        give(inside, ada, 60)
        page = inside.browser.get(PLAN).text
        assert "$47.00 is taken from your credit of $61.00 now" in page
        assert 'value="free"' not in page
        chosen = inside.send(PLAN, plan="standard").text
        assert "You are on your new plan." in chosen
        assert "then another $47.00 is taken" in chosen
        assert "chosen by the account" in chosen
        assert (plan_of(inside, ada), money_of(inside, ada)) == ("standard", 14 * MICROS_PER_DOLLAR)

    def test_too_little_credit_is_said_with_the_way_to_more(self, inside: House, ada: Account) -> None:
        answer = inside.send(PLAN, plan="premium")
        assert answer.status_code == 402
        assert "This costs $149.00; add credit first." in answer.text
        assert re.search(r'role="alert">[^/]*<a href="/account/wallet">Add credit', answer.text)
        assert (plan_of(inside, ada), money_of(inside, ada)) == ("pay-as-you-go", MICROS_PER_DOLLAR)

    @pytest.mark.parametrize(("plan", "status"), [("free", 409), ("pay-as-you-go", 409), ("gold", 422), ("", 422)])
    def test_what_cannot_be_chosen_is_said(self, inside: House, ada: Account, plan: str, status: int) -> None:
        assert inside.send(PLAN, plan=plan).status_code == status
        assert plan_of(inside, ada) == "pay-as-you-go"

    def test_it_ends_with_the_month_or_goes_on(self, inside: House, ada: Account) -> None:
        give(inside, ada, 60)
        inside.send(PLAN, plan="standard")
        ends = inside.send(PLAN, f"{PLAN}/renewal", renews="false").text
        assert "then you pay for each picture" in ends
        assert "then another" in inside.send(PLAN, f"{PLAN}/renewal", renews="true").text

    def test_where_there_is_no_month_nothing_is_renewed(self, inside: House) -> None:
        answer = inside.send(PLAN, f"{PLAN}/renewal", renews="true")
        assert answer.status_code == 409
        assert "there is no month to renew" in answer.text

    def test_a_plan_that_was_given_says_so(self, house: House, grace: Account) -> None:
        house.sign_in(grace)
        page = house.browser.get(PLAN).text
        assert "it costs you nothing" in page
        with house.services.database.transaction() as session:
            assert subscriptions.period_of(session, grace.id) is None


def test_an_account_at_a_glance(inside: House) -> None:
    first = inside.browser.get("/account").text
    assert "Your first picture is a sentence away" in first
    inside.ordered()
    inside.finish(inside.start())
    page = inside.browser.get("/account").text
    assert "For $0.0047" in page
    assert re.search(r'>1 <span class="fine">picture</span>', page)
