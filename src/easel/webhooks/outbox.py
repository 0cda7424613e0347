"""Events that customers are to be told of. All SQL about them is here.

An event is written in the transaction it is about, so none is sent for what was rolled back and none is lost after a
crash. It is sent at least once, always with the same id.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text, update
from sqlalchemy.orm import Session

from easel.domain.errors import InvalidRequest
from easel.kit.clock import Clock
from easel.kit.fetch import AddressRefused, BadUrl, check_literal_address, check_url_syntax
from easel.webhooks.tables import OPEN, WebhookDelivery

LEASE = timedelta(minutes=1)
"""How long a sender has. Well over the time that one sending may take, so that two seldom send the same."""


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


def enqueue(session: Session, clock: Clock, account_id: int, url: str, payload: Mapping[str, Any]) -> UUID:
    """Have `payload` posted to `url` once the transaction commits; returns the event's id. Raises as `check_url`."""
    check_url(url)
    now = clock.now()
    event = WebhookDelivery(
        id=uuid4(), account_id=account_id, url=url, body=dict(payload), created_at=now, next_attempt_at=now
    )
    session.add(event)
    session.flush()
    return event.id


CLAIM = text(f"""
    UPDATE webhook_deliveries SET attempts = attempts + 1, next_attempt_at = :lease_ends
    WHERE id IN (
        SELECT id FROM webhook_deliveries WHERE {OPEN} AND next_attempt_at <= :now
        ORDER BY next_attempt_at LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    RETURNING id
""")


def claim_due(session: Session, clock: Clock, limit: int) -> Sequence[WebhookDelivery]:
    """At most `limit` events whose time has come, the caller's for `LEASE`. No two callers get the same one.

    The attempt is counted now, and its number tells one claim from the next one in `mark_failed`.
    """
    now = clock.now()
    ids = session.scalars(CLAIM, {"now": now, "lease_ends": now + LEASE, "limit": limit}).all()
    return [session.get_one(WebhookDelivery, id, populate_existing=True) for id in ids]


def mark_delivered(session: Session, clock: Clock, event: WebhookDelivery, status: int) -> None:
    """Also when the lease has run out meanwhile: the receiver has it, and need not get it again."""
    session.execute(
        update(WebhookDelivery)
        .filter_by(id=event.id)
        .values(delivered_at=clock.now(), last_status=status, last_error=None)
    )


def mark_failed(
    session: Session, clock: Clock, event: WebhookDelivery, *, status: int | None, error: str, retry_at: datetime | None
) -> None:
    """Try again at `retry_at`, or never when it is None.

    Does nothing when another sender has claimed the event since: what comes next is then the other's to say.
    """
    session.execute(
        update(WebhookDelivery)
        .filter_by(id=event.id, attempts=event.attempts, delivered_at=None)
        .values(
            last_status=status,
            last_error=error,
            next_attempt_at=retry_at or WebhookDelivery.next_attempt_at,
            gave_up_at=None if retry_at else clock.now(),
        )
    )
