"""Send what is due, sign it, and decide when to try again."""

import base64
import hmac
import json
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog
from standardwebhooks import Webhook

from easel.db.session import Database
from easel.kit.clock import Clock
from easel.kit.fetch import Fetcher, FetchError
from easel.webhooks.outbox import claim_due, mark_delivered, mark_failed
from easel.webhooks.tables import WebhookDelivery

log = structlog.get_logger()

AT_ONCE = 8
"""How many are sent side by side, so that one slow receiver does not hold up the rest."""

FIRST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(hours=6)
GIVE_UP_AFTER = timedelta(days=1)
GONE = 410
"""The receiver's way to say that it wants no more of this."""


def account_secret(installation_secret: str, account_id: int) -> str:
    """What an account verifies its webhooks with, as `whsec_...`: derived, so that no table holds it."""
    derived = hmac.digest(installation_secret.encode(), f"easel webhooks of account {account_id}".encode(), "sha256")
    return "whsec_" + base64.b64encode(derived).decode()


def deliver_due(
    database: Database, clock: Clock, fetcher: Fetcher, installation_secret: str, *, limit: int = AT_ONCE
) -> int:
    """Send up to `limit` events whose time has come; returns how many were tried.

    Claiming and writing down are a transaction each; while an event is under way none is open. The event is claimed
    for a minute, so a sender that dies delays it and does not lose it.
    """
    with database.transaction() as session:
        events = claim_due(session, clock, limit)
    if events:
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="webhook") as pool:
            outcomes = list(pool.map(partial(send, fetcher, clock, installation_secret), events))
        for event, outcome in zip(events, outcomes, strict=True):
            _write_down(database, clock, event, outcome)
    return len(events)


@dataclass(frozen=True, slots=True)
class Outcome:
    status: int | None
    error: str | None
    """None when the receiver has it."""


def send(fetcher: Fetcher, clock: Clock, installation_secret: str, event: WebhookDelivery) -> Outcome:
    """Post the event once, signed as Standard Webhooks says.

    Raises nothing: an event that trips over a fault of ours must not leave the others of its batch unmarked, to be
    sent again and again.
    """
    body = json.dumps(event.body, separators=(",", ":"))
    secret = account_secret(installation_secret, event.account_id)
    try:
        answer = fetcher.post(event.url, _headers(str(event.id), clock.now(), body, secret), body.encode())
    except FetchError as error:
        return Outcome(None, str(error))
    except Exception as error:
        # By its class alone: its text may quote the address or the body.
        log.error("webhook not sent", event_id=str(event.id), error=type(error).__name__)
        return Outcome(None, f"it could not be sent ({type(error).__name__})")
    accepted = 200 <= answer.status < 300
    return Outcome(answer.status, None if accepted else f"the receiver answered {answer.status}")


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


def _write_down(database: Database, clock: Clock, event: WebhookDelivery, outcome: Outcome) -> None:
    with database.transaction() as session:
        if outcome.error is None and outcome.status is not None:
            mark_delivered(session, clock, event, outcome.status)
            return
        retry_at = _retry_at(clock, event, outcome)
        error = outcome.error or "no answer"
        mark_failed(session, clock, event, status=outcome.status, error=error, retry_at=retry_at)
    known: dict[str, Any] = {"event_id": str(event.id), "attempt": event.attempts, "status": outcome.status}
    log.warning("webhook not delivered", **known, gives_up=retry_at is None)


def _retry_at(clock: Clock, event: WebhookDelivery, outcome: Outcome) -> datetime | None:
    at = clock.now() + wait_before(event.attempts)
    return None if outcome.status == GONE or at > event.created_at + GIVE_UP_AFTER else at
