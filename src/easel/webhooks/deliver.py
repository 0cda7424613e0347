"""Send what is due, sign it, and decide when to try again."""

import base64
import hmac
import random
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, TypeAlias

import structlog
from sqlalchemy.orm import Session
from standardwebhooks import Webhook

from easel.db.session import Database
from easel.kit.clock import Clock
from easel.kit.fetch import Fetcher, FetchError
from easel.webhooks.outbox import GONE, Outcome, claim_due, keep_body, mark_delivered, mark_failed, write_body
from easel.webhooks.tables import WebhookDelivery

log = structlog.get_logger()

AT_ONCE = 8
"""How many are sent side by side, so that one slow receiver does not hold up the rest."""

FIRST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(hours=6)
GIVE_UP_AFTER = timedelta(days=1)

Render: TypeAlias = Callable[[Session, int], Mapping[str, Any]]
"""What is told of the generation of that id, in the words of the dialect that it was ordered in."""


def render_nothing(session: Session, generation_id: int) -> Mapping[str, Any]:
    raise LookupError(f"nobody here can write about generation {generation_id}")


def account_secret(installation_secret: str, account_id: int) -> str:
    """What an account verifies its webhooks with, as `whsec_...`: derived, so that no table holds it."""
    derived = hmac.digest(installation_secret.encode(), f"easel webhooks of account {account_id}".encode(), "sha256")
    return "whsec_" + base64.b64encode(derived).decode()


def deliver_due(
    database: Database,
    clock: Clock,
    fetcher: Fetcher,
    installation_secret: str,
    *,
    render: Render = render_nothing,
    limit: int = AT_ONCE,
) -> int:
    """Send up to `limit` events whose time has come; returns how many were tried.

    Claiming and writing down are a transaction each; while an event is under way none is open. The event is claimed
    for a minute, so a sender that dies delays it and does not lose it.
    """
    with database.transaction() as session:
        events = claim_due(session, clock, limit)
    if events:
        send_one = partial(send, database, fetcher, clock, installation_secret, render)
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="webhook") as pool:
            outcomes = list(pool.map(send_one, events))
        for event, outcome in zip(events, outcomes, strict=True):
            _write_down(database, clock, event, outcome)
    return len(events)


def send(
    database: Database,
    fetcher: Fetcher,
    clock: Clock,
    installation_secret: str,
    render: Render,
    event: WebhookDelivery,
) -> Outcome:
    """Post the event once, signed as Standard Webhooks says.

    Raises nothing: an event that trips over a fault of ours must not leave the others of its batch unmarked, to be
    sent again and again.
    """
    secret = account_secret(installation_secret, event.account_id)
    started = time.monotonic()
    try:
        body = event.body or _written(database, render, event)
        answer = fetcher.post(event.url, _headers(str(event.id), clock.now(), body, secret), body.encode())
    except FetchError as error:
        return Outcome(None, str(error), time.monotonic() - started)
    except Exception as error:
        # By its class alone: its text may quote the address or the body.
        log.error("webhook not sent", event_id=str(event.id), error=type(error).__name__)
        return Outcome(None, f"it could not be sent ({type(error).__name__})", time.monotonic() - started)
    error = None if 200 <= answer.status < 300 else f"the receiver answered {answer.status}"
    retry_after = _retry_after(answer.headers.get("retry-after", ""), clock)
    return Outcome(answer.status, error, time.monotonic() - started, retry_after)


def wait_before(attempt: int, dice: random.Random | None = None) -> timedelta:
    """How long to wait after failed attempt number `attempt` (from 1): four times as long each time, up to hours.

    Anything from half to one and a half of it, so that a receiver that comes back is not met by all at once.
    """
    longest = LONGEST_WAIT / FIRST_WAIT
    factor = min(4.0 ** min(attempt - 1, 20), longest)
    return FIRST_WAIT * factor * (dice or random).uniform(0.5, 1.5)


def _headers(event_id: str, now: datetime, body: str, secret: str) -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "User-Agent": "Easel-Webhooks",
        "webhook-id": event_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(event_id, now, body),
    }


def _written(database: Database, render: Render, event: WebhookDelivery) -> str:
    with database.transaction() as session:
        assert event.generation_id is not None, "an event without a body is about a generation"
        return keep_body(session, event, write_body(render(session, event.generation_id)))


def _retry_after(said: str, clock: Clock) -> timedelta | None:
    """Seconds or a date, as HTTP allows; None for anything else."""
    if said.isascii() and said.isdigit():
        return timedelta(seconds=min(int(said[:9]), LONGEST_WAIT.total_seconds()))
    try:
        at = parsedate_to_datetime(said)
    except ValueError:
        return None
    return max(timedelta(0), min(at.replace(tzinfo=at.tzinfo or UTC) - clock.now(), LONGEST_WAIT))


def _write_down(database: Database, clock: Clock, event: WebhookDelivery, outcome: Outcome) -> None:
    with database.transaction() as session:
        if outcome.error is None:
            mark_delivered(session, clock, event, outcome)
            return
        retry_at = _retry_at(clock, event, outcome)
        mark_failed(session, clock, event, outcome, retry_at=retry_at)
    known: dict[str, Any] = {"event_id": str(event.id), "attempt": event.attempts, "status": outcome.status}
    log.warning("webhook not delivered", **known, gives_up=retry_at is None)


def _retry_at(clock: Clock, event: WebhookDelivery, outcome: Outcome) -> datetime | None:
    """Not before the receiver wants it."""
    wait = max(wait_before(event.attempts - event.attempts_before_round), outcome.retry_after or timedelta(0))
    at = clock.now() + wait
    return None if outcome.status == GONE or at > event.round_at + GIVE_UP_AFTER else at
