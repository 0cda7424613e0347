"""Payments from outside, from the click to the credit. The provider's library is in checkout.py; here is what is ours.

What counts is what we wrote down when the payment was begun: an event only says that it has come, and is refused when
it speaks of another amount. Each event is stored once, in the transaction that acts on it, so that sending it again
does nothing, and events may come in any order.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from easel.billing import ledger
from easel.billing.tables import PaymentEvent, TopUp
from easel.domain.errors import InvalidRequest
from easel.domain.money import MICROS_PER_DOLLAR, Micros, format_dollars
from easel.kit.clock import Clock
from easel.kit.ids import new_uuid

CURRENCY = "usd"
MICROS_PER_CENT = MICROS_PER_DOLLAR // 100
LARGEST_TOP_UP = Micros(10_000 * MICROS_PER_DOLLAR)


@dataclass(frozen=True, slots=True)
class Event:
    """What the provider says has happened, its signature checked."""

    id: str
    type: str
    object: Mapping[str, Any]


def begin(session: Session, clock: Clock, account_id: int, amount: Micros, *, least: Micros) -> TopUp:
    """Write down that the account wants to pay. Raises InvalidRequest for an amount that cannot be paid by card."""
    if amount % MICROS_PER_CENT or not least <= amount <= LARGEST_TOP_UP:
        allowed = f"from {format_dollars(least)} to {format_dollars(LARGEST_TOP_UP)}, in whole cents"
        raise InvalidRequest("amount", f"A top-up must be {allowed}")
    top_up = TopUp(
        uuid=new_uuid(), account_id=account_id, amount=amount, currency=CURRENCY, state="open", created_at=clock.now()
    )
    session.add(top_up)
    session.flush()
    return top_up


def opened(session: Session, top_up_id: int, session_id: str) -> None:
    """The provider has made a page for it."""
    session.get_one(TopUp, top_up_id, with_for_update=True).session_id = session_id


def top_ups_of(session: Session, account_id: int, limit: int = 20) -> list[TopUp]:
    """Newest first."""
    mine = select(TopUp).filter_by(account_id=account_id).order_by(TopUp.id.desc()).limit(limit)
    return list(session.scalars(mine))


def receive(session: Session, clock: Clock, event: Event) -> str:
    """Act on an event and say what was done, in a sentence. An event that was here before changes nothing."""
    # Locked before the look: of two deliveries at once the second waits here and then sees what the first has stored.
    top_up = _find(session, event.object)
    known = session.get(PaymentEvent, event.id)
    if known is not None:
        return known.outcome
    outcome = _act(session, clock, event, top_up) if top_up else "It is about no payment that was begun here."
    stored = session.execute(
        insert(PaymentEvent)
        .values(
            event_id=event.id,
            type=event.type,
            outcome=outcome,
            top_up_id=top_up.id if top_up else None,
            received_at=clock.now(),
        )
        .on_conflict_do_nothing()
        .returning(PaymentEvent.event_id)
    ).one_or_none()
    return outcome if stored else session.get_one(PaymentEvent, event.id).outcome


def _find(session: Session, said: Mapping[str, Any]) -> TopUp | None:
    """The payment that the event's object is about, locked."""
    if said.get("object") == "checkout.session":
        wanted = TopUp.uuid == str(said.get("client_reference_id"))
    elif intent := said.get("payment_intent"):
        wanted = TopUp.payment_intent == str(intent)
    else:
        return None
    return session.scalar(select(TopUp).where(wanted).with_for_update().execution_options(populate_existing=True))


def _act(session: Session, clock: Clock, event: Event, top_up: TopUp) -> str:
    said = event.object
    match event.type:
        case "checkout.session.completed" | "checkout.session.async_payment_succeeded":
            return _pay(session, clock, top_up, said)
        case "checkout.session.expired" | "checkout.session.async_payment_failed":
            if top_up.state == "open":
                top_up.state = "failed"
            return f"Payment {top_up.id} did not come about."
        case "charge.refunded":
            return _take_back(session, clock, event, top_up, int(said.get("amount_refunded") or 0))
        case "charge.dispute.funds_withdrawn":
            already = top_up.taken_back // MICROS_PER_CENT
            return _take_back(session, clock, event, top_up, already + int(said.get("amount") or 0))
        case "charge.dispute.funds_reinstated":
            return _give_again(session, clock, event, top_up, int(said.get("amount") or 0))
        case _:
            return "Nothing follows from it."


def _pay(session: Session, clock: Clock, top_up: TopUp, said: Mapping[str, Any]) -> str:
    if said.get("payment_status") != "paid":
        return f"Payment {top_up.id} is under way; the money has not come yet."
    amount, currency = said.get("amount_total"), str(said.get("currency")).lower()
    if (amount, currency) != (top_up.amount // MICROS_PER_CENT, top_up.currency):
        return (
            f"Refused: payment {top_up.id} was begun over {format_dollars(top_up.amount)}, "
            f"and the event says {amount} cents in {currency}."
        )
    if top_up.session_id and said.get("id") != top_up.session_id:
        return f"Refused: payment {top_up.id} was begun in another checkout session."
    if top_up.state == "paid":
        return f"Payment {top_up.id} had been booked before."
    top_up.state, top_up.paid_at = "paid", clock.now()
    top_up.payment_intent = str(said["payment_intent"]) if said.get("payment_intent") else None
    ledger.credit(session, clock, top_up.account_id, Micros(top_up.amount), f"top-up:{top_up.uuid}", "Top-up by card")
    return f"Payment {top_up.id}: {format_dollars(top_up.amount)} were credited."


def _take_back(session: Session, clock: Clock, event: Event, top_up: TopUp, cents_in_all: int) -> str:
    in_all = min(Micros(cents_in_all * MICROS_PER_CENT), top_up.amount)
    more = Micros(in_all - top_up.taken_back)
    if more <= 0 or top_up.state != "paid":
        return f"Payment {top_up.id}: nothing further went back."
    top_up.taken_back = Micros(in_all)
    ledger.take_back(session, clock, top_up.account_id, more, f"{event.id}", "Payment returned to the card")
    return f"Payment {top_up.id}: {format_dollars(more)} went back to the card."


def _give_again(session: Session, clock: Clock, event: Event, top_up: TopUp, cents: int) -> str:
    again = min(Micros(cents * MICROS_PER_CENT), top_up.taken_back)
    if again <= 0:
        return f"Payment {top_up.id}: nothing came again."
    top_up.taken_back = Micros(top_up.taken_back - again)
    ledger.credit(session, clock, top_up.account_id, Micros(again), f"again:{event.id}", "Disputed payment came again")
    return f"Payment {top_up.id}: {format_dollars(again)} came again."
