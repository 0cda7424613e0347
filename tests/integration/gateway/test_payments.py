"""Cards, through the real library and signed events, against a provider of our own."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from easel.accounts.queries import create_account
from easel.billing import payments
from easel.billing.audit import audit
from easel.billing.checkout import Checkout
from easel.billing.fake_stripe import FakeStripe, event, signature_of
from easel.billing.tables import PaymentEvent, TopUp
from easel.billing.wallets import balance, statement
from easel.domain.errors import InvalidRequest
from easel.domain.money import MICROS_PER_DOLLAR, Micros
from easel.gateway.app import create_app
from easel.gateway.payments import PATH
from easel.gateway.services import Services
from easel.kit.clock import SettableClock

SECRET = "whsec_test"
AMOUNT = Micros(25 * MICROS_PER_DOLLAR)


class Till:
    """A customer who has begun to pay 25 dollars, and the door where events arrive."""

    def __init__(self, services: Services, client: TestClient, stripe: FakeStripe, checkout: Checkout) -> None:
        self.services, self.client, self.stripe, self.checkout = services, client, stripe, checkout
        with services.database.transaction() as session:
            self.account = create_account(session, services.clock, "Ada").id
            self.top_up = payments.begin(session, services.clock, self.account, AMOUNT, least=Micros(10_000_000))
        self.page = self.open()
        with services.database.transaction() as session:
            payments.opened(session, self.top_up.id, self.page.session_id)

    def open(self) -> Any:
        return self.checkout.open(
            uuid=self.top_up.uuid,
            amount=AMOUNT,
            currency="usd",
            email="ada@example.org",
            back_to="http://easel.test/account",
            product="Credit",
        )

    def paid(self, **otherwise: Any) -> dict[str, Any]:
        """The checkout session as an event speaks of it."""
        paid = {"payment_status": "paid", "payment_intent": "pi_1"}
        return {**self.stripe.sessions[self.page.session_id], **paid, **otherwise}

    def send(self, body: bytes, signature: str | None = None) -> Any:
        headers = {"Stripe-Signature": signature_of(body, SECRET) if signature is None else signature}
        return self.client.post(PATH, content=body, headers=headers)

    def tell(self, type: str, about: dict[str, Any], id: str | None = None) -> str:
        answer = self.send(event(type, about, id=id))
        assert answer.status_code == 200
        return str(answer.json()["message"])

    @property
    def balance(self) -> int:
        with self.services.database.transaction() as session:
            assert audit(session) == []
            return balance(session, self.account)


@pytest.fixture
def till(services: Services) -> Iterator[Till]:
    with FakeStripe(SECRET) as stripe:
        checkout = Checkout(secret_key="sk_test_1", webhook_secret=SECRET, api_base=stripe.url)
        app = create_app(replace(services, checkout=checkout))
        with TestClient(app, base_url="http://easel.test") as client:
            yield Till(services, client, stripe, checkout)


COMPLETED = "checkout.session.completed"


def test_a_paid_session_is_credited_once_however_often_it_is_told(till: Till) -> None:
    assert till.page.url.startswith(till.stripe.url)
    body = event(COMPLETED, till.paid())
    assert till.send(body).json()["message"] == f"Payment {till.top_up.id}: $25.00 were credited."
    assert till.send(body).json()["message"] == f"Payment {till.top_up.id}: $25.00 were credited."
    assert "had been booked before" in till.tell(COMPLETED, till.paid())
    assert till.balance == AMOUNT


def test_many_deliveries_at_once_are_one(till: Till) -> None:
    body = event(COMPLETED, till.paid())
    with ThreadPoolExecutor(8) as pool:
        assert {answer.status_code for answer in pool.map(till.send, [body] * 16)} == {200}
    assert till.balance == AMOUNT


def test_asked_twice_for_one_payment_the_provider_has_one_page(till: Till) -> None:
    assert till.open() == till.page


@pytest.mark.parametrize(
    "signature",
    ["", "t=1,v1=00", "nonsense", signature_of(b"another body", SECRET), signature_of(b"{}", SECRET, at=1_000_000)],
    ids=["none", "of zeros", "nonsense", "of another body", "of long ago"],
)
def test_a_forged_event_moves_nothing(till: Till, signature: str) -> None:
    answer = till.send(event(COMPLETED, till.paid()), signature)
    assert answer.status_code == 400
    assert "not signed by the payment provider" in answer.json()["message"]
    assert till.balance == 0


def test_an_old_event_is_not_taken_again(till: Till) -> None:
    body = event(COMPLETED, till.paid())
    assert till.send(body, signature_of(body, SECRET, at=1_000_000)).status_code == 400
    assert till.balance == 0


@pytest.mark.parametrize(
    "lie", [{"amount_total": 250_000}, {"currency": "jpy"}, {"amount_total": None}, {"id": "cs_another"}]
)
def test_an_event_that_says_otherwise_than_we_wrote_down_is_refused(till: Till, lie: dict[str, Any]) -> None:
    assert till.tell(COMPLETED, till.paid(**lie)).startswith("Refused")
    assert till.balance == 0


def test_money_that_comes_later(till: Till) -> None:
    assert "has not come yet" in till.tell(COMPLETED, till.paid(payment_status="unpaid"))
    assert till.balance == 0
    till.tell("checkout.session.async_payment_succeeded", till.paid())
    assert till.balance == AMOUNT


def test_events_in_the_wrong_order(till: Till) -> None:
    till.tell("checkout.session.expired", till.paid(payment_status="unpaid"))
    till.tell(COMPLETED, till.paid())
    assert till.balance == AMOUNT


def test_what_goes_back_to_the_card_leaves_the_account(till: Till) -> None:
    till.tell(COMPLETED, till.paid())
    charge = {"object": "charge", "payment_intent": "pi_1", "amount_refunded": 1000}
    till.tell("charge.refunded", charge)
    till.tell("charge.refunded", charge)
    assert till.balance == AMOUNT - 10 * MICROS_PER_DOLLAR
    till.tell("charge.refunded", {**charge, "amount_refunded": 99_999})
    assert till.balance == 0


def test_a_dispute_takes_and_may_give_again(till: Till) -> None:
    till.tell(COMPLETED, till.paid())
    dispute = {"object": "dispute", "payment_intent": "pi_1", "amount": 2500}
    till.tell("charge.dispute.funds_withdrawn", dispute, id="evt_1")
    till.tell("charge.dispute.funds_withdrawn", dispute, id="evt_1")
    assert till.balance == 0
    till.tell("charge.dispute.funds_reinstated", dispute)
    till.tell("charge.dispute.funds_reinstated", dispute)
    assert till.balance == AMOUNT


def test_what_was_spent_before_a_dispute_is_the_houses_loss(till: Till) -> None:
    from easel.billing import ledger

    till.tell(COMPLETED, till.paid())
    with till.services.database.transaction() as session:
        ledger.charge(session, till.services.clock, till.account, Micros(20_000_000), "spent", "spent")
    till.tell("charge.dispute.funds_withdrawn", {"object": "dispute", "payment_intent": "pi_1", "amount": 2500})
    assert till.balance == 0
    with till.services.database.transaction() as session:
        assert [line.kind for line in statement(session, till.account)] == ["payback", "fee", "credit"]


def test_what_is_none_of_ours_is_stored_and_does_nothing(till: Till) -> None:
    assert "no payment that was begun here" in till.tell(COMPLETED, till.paid(client_reference_id="another"))
    assert "no payment that was begun here" in till.tell("customer.created", {"object": "customer"}, id="evt_9")
    with till.services.database.transaction() as session:
        assert session.get_one(PaymentEvent, "evt_9").type == "customer.created"


def test_the_provider_delivers_to_the_real_door(till: Till) -> None:
    said = json.loads(event(COMPLETED, till.paid()))
    assert said["data"]["object"]["client_reference_id"] == till.top_up.uuid
    with till.services.database.transaction() as session:
        assert session.get_one(TopUp, till.top_up.id).session_id == till.page.session_id


def test_without_a_provider_there_is_no_door(shop: Any) -> None:
    assert shop.client.post(PATH, content=b"{}").status_code == 404


@pytest.mark.parametrize("amount", [0, -1, 9_990_000, 10_000_001, 10_000 * MICROS_PER_DOLLAR + 10_000])
def test_an_amount_that_no_card_pays(services: Services, clock: SettableClock, amount: int) -> None:
    with services.database.transaction() as session, pytest.raises(InvalidRequest, match="in whole cents"):
        payments.begin(session, clock, 1, Micros(amount), least=Micros(10 * MICROS_PER_DOLLAR))
