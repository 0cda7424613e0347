"""`easel webhooks`: what was told to whom, and telling it again."""

from typing import Annotated
from uuid import UUID

from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Table

from easel.accounts.queries import find_account
from easel.cli.context import open_installation
from easel.webhooks import outbox
from easel.webhooks.tables import WebhookDelivery

app = App(name="webhooks", help="See what was told to whom, and tell it again.")


@app.command(name="list")
def list_(
    *,
    account: Annotated[str | None, Parameter(help="The account's name, email or number; all otherwise.")] = None,
    undelivered: Annotated[bool, Parameter(help="Only those that nobody has received.", negative="")] = False,
    limit: Annotated[int, Parameter(help="How many, the newest first.")] = 50,
) -> None:
    """Show the latest events and what came of them."""
    table = Table("Event", "Account", "Written (UTC)", "Request", "Sent to", "Tries", "State")
    with open_installation() as installation, installation.database.transaction() as session:
        whose = find_account(session, account).id if account else None
        for event in outbox.list_deliveries(session, whose, limit=max(limit, 0), undelivered=undelivered):
            about = "" if event.generation_id is None else str(event.generation_id)
            written = f"{event.created_at:%Y-%m-%d %H:%M:%S}"
            table.add_row(
                str(event.id), str(event.account_id), written, about, event.url, str(event.attempts), state_of(event)
            )
    Console().print(table)


@app.command
def attempts(event: UUID, /) -> None:
    """Show every sending of one event."""
    table = Table("Try", "When (UTC)", "Seconds", "Answer", "Error")
    with open_installation() as installation, installation.database.transaction() as session:
        for one in outbox.attempts_of(session, event):
            status = "" if one.status is None else str(one.status)
            table.add_row(
                str(one.attempt), f"{one.at:%Y-%m-%d %H:%M:%S}", f"{one.seconds:.2f}", status, one.error or ""
            )
    Console().print(table)


@app.command
def redeliver(event: UUID, /) -> None:
    """Send an event again, with the same id and body, whatever came of it before. EVENT is what the list shows."""
    with open_installation() as installation, installation.database.transaction() as session:
        found = outbox.redeliver(session, installation.clock, event)
        where = found.url
    print(f"{event} is sent to {where} again; a running gateway does so within seconds")


def state_of(event: WebhookDelivery) -> str:
    if event.delivered_at:
        return f"delivered {event.delivered_at:%Y-%m-%d %H:%M:%S}"
    if event.gave_up_at:
        return f"given up: {event.last_error}"
    if event.last_error:
        return f"again at {event.next_attempt_at:%H:%M:%S}: {event.last_error}"
    return "waiting"
