"""Events that customers are to be told of. All SQL about them is here.

An event is written in the transaction it is about, so none is sent for what was rolled back and none is lost after a
crash. It is sent at least once, always with the same id and the same bytes. Every sending leaves a row in the log.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import delete, literal, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from easel.domain.errors import InvalidRequest, NotFound
from easel.kit.clock import Clock
from easel.kit.fetch import AddressRefused, BadUrl, check_literal_address, check_url_syntax
from easel.webhooks.tables import OPEN, WebhookAttempt, WebhookDelivery, WebhookSilence

LEASE = timedelta(minutes=1)
"""How long a sender has. Well over the time that one sending may take, so that two seldom send the same."""

GONE = 410
"""The receiver's way to say that it wants no more of this."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one sending."""

    status: int | None
    """The HTTP number of the answer; None when nobody answered."""
    error: str | None
    """None when the receiver has it."""
    seconds: float = 0.0
    retry_after: timedelta | None = None
    """How long the receiver asked to be left alone."""


def check_url(url: str) -> None:
    """Raises InvalidRequest for a URL that no webhook can be sent to. Where it leads is judged when it is sent."""
    try:
        check_url_syntax(url)
    except BadUrl as bad:
        raise InvalidRequest("webhook", f"webhook is no usable address: {bad}") from None


def check_is_public(url: str) -> None:
    """Raises InvalidRequest for a URL that the sender would refuse, where that is plain without looking a name up."""
    check_url(url)
    try:
        check_literal_address(url)
    except AddressRefused as refused:
        raise InvalidRequest("webhook", f"webhook is no usable address: {refused}") from None


def enqueue(
    session: Session,
    clock: Clock,
    account_id: int,
    url: str,
    payload: Mapping[str, Any] | None = None,
    *,
    generation_id: int | None = None,
) -> UUID:
    """Have an event posted to `url` once the transaction commits; returns its id. Raises as `check_url`.

    Its body is `payload`; for one about a generation it is written by whoever sends it first, and kept. An address that
    has answered 410 is not sent it, but may be: see `redeliver`.
    """
    check_url(url)
    now = clock.now()
    silent_since = session.scalar(select(WebhookSilence.since).filter_by(account_id=account_id, url=url))
    event = WebhookDelivery(
        id=uuid4(),
        account_id=account_id,
        url=url,
        generation_id=generation_id,
        body=None if payload is None else write_body(payload),
        created_at=now,
        next_attempt_at=now,
        round_at=now,
        gave_up_at=now if silent_since else None,
        last_error=f"not sent: since {silent_since:%Y-%m-%d} the address says that it is gone"
        if silent_since
        else None,
    )
    session.add(event)
    session.flush()
    return event.id


def write_body(payload: Mapping[str, Any]) -> str:
    return json.dumps(payload, separators=(",", ":"))


CLAIM = text(f"""
    UPDATE webhook_deliveries SET attempts = attempts + 1, next_attempt_at = :lease_ends
    WHERE id IN (
        SELECT id FROM webhook_deliveries WHERE {OPEN} AND next_attempt_at <= :now
        ORDER BY next_attempt_at LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    RETURNING *
""")


def claim_due(session: Session, clock: Clock, limit: int) -> Sequence[WebhookDelivery]:
    """At most `limit` events whose time has come, the caller's for `LEASE`. No two callers get the same one.

    The attempt is counted now, and its number tells one claim from the next one in `mark_failed`.
    """
    now = clock.now()
    claimed = select(WebhookDelivery).from_statement(CLAIM).execution_options(populate_existing=True)
    return session.scalars(claimed, {"now": now, "lease_ends": now + LEASE, "limit": limit}).all()


def keep_body(session: Session, event: WebhookDelivery, body: str) -> str:
    """The body that was written first, by this sender or another one: from now on it stays the same."""
    session.execute(update(WebhookDelivery).filter_by(id=event.id, body=None).values(body=body))
    return session.scalars(select(WebhookDelivery.body).filter_by(id=event.id)).one() or body


def mark_delivered(session: Session, clock: Clock, event: WebhookDelivery, outcome: Outcome) -> None:
    """Also when the lease has run out meanwhile: the receiver has it, and need not get it again."""
    _write_log(session, clock, event, outcome)
    session.execute(
        update(WebhookDelivery)
        .filter_by(id=event.id)
        .values(delivered_at=clock.now(), gave_up_at=None, last_status=outcome.status, last_error=None)
    )
    session.execute(delete(WebhookSilence).filter_by(account_id=event.account_id, url=event.url))


def mark_failed(
    session: Session, clock: Clock, event: WebhookDelivery, outcome: Outcome, *, retry_at: datetime | None
) -> None:
    """Try again at `retry_at`, or never when it is None. A receiver that is gone is not sent later events either.

    Says nothing of what comes next when another sender has claimed the event since: that is then the other's to say.
    """
    _write_log(session, clock, event, outcome)
    session.execute(
        update(WebhookDelivery)
        .filter_by(id=event.id, attempts=event.attempts, delivered_at=None)
        .values(
            last_status=outcome.status,
            last_error=outcome.error,
            next_attempt_at=retry_at or WebhookDelivery.next_attempt_at,
            gave_up_at=None if retry_at else clock.now(),
        )
    )
    if outcome.status == GONE:
        silence = insert(WebhookSilence).values(account_id=event.account_id, url=event.url, since=clock.now())
        session.execute(silence.on_conflict_do_nothing())


def _write_log(session: Session, clock: Clock, event: WebhookDelivery, outcome: Outcome) -> None:
    sent = insert(WebhookAttempt).values(
        delivery_id=event.id,
        attempt=event.attempts,
        at=clock.now(),
        seconds=outcome.seconds,
        status=outcome.status,
        error=outcome.error,
    )
    session.execute(sent.on_conflict_do_nothing())


# -- for people ----------------------------------------------------------------------------------------------------


def list_deliveries(
    session: Session,
    account_id: int | None = None,
    *,
    limit: int = 50,
    undelivered: bool = False,
    before: UUID | None = None,
) -> list[WebhookDelivery]:
    """The newest events first, of one account or of all; `before` is an event: the next page ends there."""
    place = (WebhookDelivery.created_at, WebhookDelivery.id)
    newest = select(WebhookDelivery).order_by(*(part.desc() for part in place)).limit(limit)
    if before is not None:
        there = session.get(WebhookDelivery, before)
        if there is None:
            return []
        newest = newest.where(tuple_(*place) < tuple_(literal(there.created_at), literal(there.id)))
    if account_id is not None:
        newest = newest.where(WebhookDelivery.account_id == account_id)
    if undelivered:
        newest = newest.where(WebhookDelivery.delivered_at.is_(None))
    return list(session.scalars(newest))


def attempts_of(session: Session, delivery_id: UUID) -> list[WebhookAttempt]:
    """Every sending of one event, in turn."""
    return list(
        session.scalars(select(WebhookAttempt).filter_by(delivery_id=delivery_id).order_by(WebhookAttempt.attempt))
    )


def redeliver(session: Session, clock: Clock, delivery_id: UUID, *, account_id: int | None = None) -> WebhookDelivery:
    """Send an event again at once, delivered or given up as it may be: with its id, its bytes and a new round of tries.

    Raises NotFound for an event that there is not, or not in this account when one is named.
    """
    wanted = select(WebhookDelivery).filter_by(id=delivery_id).with_for_update()
    if account_id is not None:
        wanted = wanted.filter_by(account_id=account_id)
    event = session.scalars(wanted).one_or_none()
    if event is None:
        raise NotFound(f"There is no webhook {delivery_id}; list them with: easel webhooks list")
    event.next_attempt_at = event.round_at = clock.now()
    event.attempts_before_round = event.attempts
    event.delivered_at = event.gave_up_at = None
    session.flush()
    return event
