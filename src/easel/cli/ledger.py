"""`easel ledger`: where the money is, and proof that it adds up."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Table

from easel.accounts.owner import ensure_owner
from easel.accounts.queries import find_account
from easel.billing import wallets
from easel.billing.audit import audit as find_faults
from easel.cli.context import open_installation
from easel.domain.errors import InvalidRequest
from easel.domain.money import format_dollars, read_dollars
from easel.generations import operators
from easel.generations.audit import audit as find_disagreements
from easel.generations.refund import refund as refund_generation
from easel.generations.usage import usage as usage_of
from easel.generations.usage import usage_csv
from easel.kit.ids import new_uuid

app = App(name="ledger", help="Look at the money, correct it, and prove that it adds up.")

ACCOUNT = Parameter(help="The account's name, email or number.")
KEY = Parameter(help="A name for this booking; the same one is booked once.")
SINCE = Parameter(help="First day, like 2026-11-01 (UTC); the first of this month otherwise.")
UNTIL = Parameter(help="First day that is not shown; now otherwise.")
OUT = Parameter(alias="-o", help="A CSV file to write; otherwise it is printed.")


@app.command
def audit() -> None:
    """Check every rule of the ledger, and that requests, jobs and money agree, on the live database.

    Exit code 1, and a sentence each, for what is broken.
    """
    with open_installation() as installation, installation.database.transaction() as session:
        faults = find_faults(session) + find_disagreements(session)
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults:
        sys.exit(1)
    print(
        "The ledger is sound: all entries sum to zero, every balance is the sum of its entries, no hold ended twice, "
        "and every request was paid for if, and only if, its pictures were delivered."
    )


@app.command
def statement(
    account: Annotated[str, ACCOUNT],
    /,
    *,
    limit: Annotated[int, Parameter(help="How many lines, the newest first.")] = 50,
) -> None:
    """Show what happened to an account's money."""
    table = Table("Transfer", "When (UTC)", "What", "Available", "Reserved", "Balance", "Memo")
    with open_installation() as installation, installation.database.transaction() as session:
        found = find_account(session, account)
        for line in wallets.statement(session, found.id, max(limit, 0)):
            table.add_row(
                str(line.transfer_id),
                f"{line.created_at:%Y-%m-%d %H:%M:%S}",
                line.kind,
                format_dollars(line.available),
                format_dollars(line.reserved),
                format_dollars(line.balance),
                line.memo,
            )
        total, aside = wallets.balance(session, found.id), wallets.reserved(session, found.id)
    Console().print(table)
    print(
        f"{found.name} can spend {format_dollars(total)}; {format_dollars(aside)} is reserved for unfinished pictures"
    )


@app.command
def refund(
    generation: Annotated[int, Parameter(help="The generation's number.")],
    dollars: Annotated[str | None, Parameter(help="Like 0.0047; all that is left of its cost otherwise.")] = None,
    /,
    *,
    reason: Annotated[str, Parameter(help="Stands in the account's statement.")] = "Refunded by the operator",
    key: Annotated[str | None, KEY] = None,
) -> None:
    """Give back what a delivered generation has cost, or a part of it."""
    with open_installation() as installation, installation.database.transaction() as session:
        amount = read_dollars(dollars) if dollars else None
        given = refund_generation(session, installation.clock, generation, amount, key or new_uuid(), reason)
        print(f"{format_dollars(given)} of generation {generation} was given back")


@app.command
def adjust(
    account: Annotated[str, ACCOUNT],
    dollars: Annotated[str, Parameter(help="Like 5; with a minus, money is taken.", allow_leading_hyphen=True)],
    /,
    *,
    reason: Annotated[str, Parameter(help="Stands in the account's statement.")],
    key: Annotated[str | None, KEY] = None,
) -> None:
    """Correct an account's balance."""
    with open_installation() as installation, installation.database.transaction() as session:
        owner, found = ensure_owner(session, installation.clock), find_account(session, account)
        operators.adjust(session, installation.clock, owner, found.id, read_dollars(dollars), key or new_uuid(), reason)
        print(f"{found.name} can spend {format_dollars(wallets.balance(session, found.id))}")


@app.command
def usage(
    account: Annotated[str, ACCOUNT],
    /,
    *,
    since: Annotated[str | None, SINCE] = None,
    until: Annotated[str | None, UNTIL] = None,
) -> None:
    """Show what an account has drawn and paid, by month, model and key."""
    table = Table("Month", "Model", "Key", "Generations", "Pictures", "Cost")
    with open_installation() as installation, installation.database.transaction() as session:
        begins, ends = _span(since, until, installation.clock.now())
        found = find_account(session, account)
        for line in usage_of(session, found.id, since=begins, until=ends, per="month"):
            table.add_row(
                f"{line.begins:%Y-%m}",
                line.model_id,
                line.key_name or "the site",
                str(line.generations),
                str(line.pictures),
                format_dollars(line.cost),
            )
    Console().print(table)


@app.command
def export(
    account: Annotated[str, ACCOUNT],
    what: Annotated[str, Parameter(help="statement or usage.")] = "statement",
    /,
    *,
    since: Annotated[str | None, SINCE] = None,
    until: Annotated[str | None, UNTIL] = None,
    out: Annotated[Path | None, OUT] = None,
) -> None:
    """Write an account's statement, or its usage by day, as CSV."""
    tables = {"statement": wallets.statement_csv, "usage": usage_csv}
    if what not in tables:
        raise InvalidRequest("what", f"Export statement or usage, not {what}.")
    with open_installation() as installation, installation.database.transaction() as session:
        begins, ends = _span(since, until, installation.clock.now())
        text = tables[what](session, find_account(session, account).id, begins, ends)
    if out is None:
        print(text, end="")
    else:
        out.write_text(text, encoding="utf-8", newline="")
        print(f"{out} is written")


def _span(since: str | None, until: str | None, now: datetime) -> tuple[datetime, datetime]:
    begins = _day("since", since) if since else now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return begins, _day("until", until) if until else now


def _day(field: str, text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise InvalidRequest(field, f"Write the day like 2026-11-01, not {text!r}.") from None
