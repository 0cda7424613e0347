"""What one's receivers were told, what came of it, and telling them again."""

from dataclasses import dataclass
from typing import Annotated, Final
from uuid import UUID

from fastapi import Form, Request, Response
from fastapi.responses import RedirectResponse

from easel.site.site import Site
from easel.site.words import moment
from easel.webhooks import outbox
from easel.webhooks.deliver import account_secret
from easel.webhooks.tables import WebhookAttempt, WebhookDelivery

HERE: Final = "/account/webhooks"
EVENTS: Final = 25


@dataclass(frozen=True)
class Told:
    event: WebhookDelivery
    state: str
    is_delivered: bool
    attempts: list[WebhookAttempt]


class WebhookLog:
    def __init__(self, site: Site) -> None:
        self._site = site

    def show(self, request: Request, only: str = "", before: UUID | None = None, again: str = "") -> Response:
        """`only` undelivered ones, those before an event, and whether one was just sent `again`."""
        undelivered = only == "undelivered"
        with self._site.mine(request) as (session, visitor):
            account_id = visitor.account.id
            events = outbox.list_deliveries(
                session, account_id, limit=EVENTS + 1, undelivered=undelivered, before=before
            )
            told = [
                Told(event, _state(event), event.delivered_at is not None, outbox.attempts_of(session, event.id))
                for event in events[:EVENTS]
            ]
        return self._site.page(
            request,
            "webhooks.html",
            visitor=visitor,
            told=told,
            next=events[EVENTS - 1].id if len(events) > EVENTS else None,
            undelivered=undelivered,
            is_first=before is None,
            secret=account_secret(self._site.services.secret, account_id),
            done="It is sent again, with the same id and the same bytes." if again else "",
        )

    def redeliver(self, request: Request, event_id: UUID, csrf: Annotated[str, Form()] = "") -> Response:
        with self._site.sent(request, csrf) as (session, visitor):
            outbox.redeliver(session, self._site.services.clock, event_id, account_id=visitor.account.id)
        return RedirectResponse(f"{HERE}?again=1", 303)


def _state(event: WebhookDelivery) -> str:
    if event.delivered_at:
        return f"delivered {moment(event.delivered_at)}"
    if event.gave_up_at:
        return f"given up: {event.last_error}"
    if event.last_error:
        return f"again at {moment(event.next_attempt_at)}: {event.last_error}"
    return "waiting to be sent"
