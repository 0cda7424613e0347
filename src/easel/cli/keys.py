"""`easel keys`: the secrets that requests carry."""

from typing import Annotated

from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Table
from sqlalchemy.orm import Session

from easel.accounts import keys
from easel.accounts.owner import ensure_owner
from easel.accounts.queries import find_account
from easel.accounts.tables import Account, Scope
from easel.billing import caps
from easel.cli.context import open_installation
from easel.domain.errors import InvalidRequest
from easel.domain.money import Micros, format_dollars, read_dollars
from easel.kit.clock import Clock

app = App(name="keys", help="Create, cap, list and revoke API keys.")

ACCOUNT = Parameter(help="The account's name, email or number; the owner's otherwise.")
CAP = Parameter(help="The most that the key may spend in all, in dollars, like 5.00.")
MONTHLY_CAP = Parameter(help="The most that it may spend in a calendar month (UTC), in dollars.")


@app.command
def create(
    name: Annotated[str, Parameter(help="For you to tell it from others.")],
    *,
    scope: Annotated[
        list[Scope] | None,
        Parameter(help="What it may be used for; once for each. Without: generate and read.", negative=""),
    ] = None,
    cap: Annotated[str | None, CAP] = None,
    monthly_cap: Annotated[str | None, MONTHLY_CAP] = None,
    account: Annotated[str | None, ACCOUNT] = None,
) -> None:
    """Make a key and show it, this once."""
    total, monthly = _amounts(cap, monthly_cap)
    with open_installation() as installation, installation.database.transaction() as session:
        found = _account(session, installation.clock, account)
        key, secret = keys.create_key(session, installation.clock, found.id, name, scope or keys.USUAL_SCOPES)
        caps.set_cap(session, key.id, total=total, monthly=monthly)
    print(f"API key: {secret}")


@app.command(name="cap")
def cap_(
    number: int,
    /,
    *,
    total: Annotated[str | None, CAP] = None,
    monthly: Annotated[str | None, MONTHLY_CAP] = None,
    none: Annotated[bool, Parameter(help="Take all caps off the key.", negative="")] = False,
    account: Annotated[str | None, ACCOUNT] = None,
) -> None:
    """Say what a key may spend, in place of what was said before. NUMBER is what `easel keys list` shows."""
    if none == bool(total or monthly):
        raise InvalidRequest("cap", "Say --total, --monthly or both, in dollars, or --none to take the caps off")
    amounts = _amounts(total, monthly)
    with open_installation() as installation, installation.database.transaction() as session:
        found = _account(session, installation.clock, account)
        key = keys.get_key(session, found.id, number)
        caps.set_cap(session, key.id, total=amounts[0], monthly=amounts[1])
    print(f"Key {number} may spend {_said(*amounts)}")


@app.command(name="list")
def list_(*, account: Annotated[str | None, ACCOUNT] = None) -> None:
    """Show an account's keys, revoked ones included."""
    table = Table("Number", "Name", "Begins with", "May", "Made", "Last used", "Revoked")
    with open_installation() as installation, installation.database.transaction() as session:
        found = _account(session, installation.clock, account)
        known = keys.list_keys(session, found.id)
        spending = caps.spending_of(session, installation.clock, [key.id for key in known])
        if spending:
            table.add_column("May spend")
            table.add_column("Left")
        for key in known:
            times = (
                f"{time:%Y-%m-%d %H:%M}" if time else "" for time in (key.created_at, key.last_used_at, key.revoked_at)
            )
            table.add_row(str(key.id), key.name, key.prefix, ", ".join(key.scopes), *times, *_spends(spending, key.id))
    Console().print(table)


@app.command
def revoke(number: int, /, *, account: Annotated[str | None, ACCOUNT] = None) -> None:
    """End a key for good. NUMBER is what `easel keys list` shows."""
    with open_installation() as installation, installation.database.transaction() as session:
        found = _account(session, installation.clock, account)
        keys.revoke_key(session, installation.clock, found.id, number)
    print(f"Key {number} no longer works")


def _amounts(total: str | None, monthly: str | None) -> tuple[Micros | None, Micros | None]:
    return None if total is None else read_dollars(total), None if monthly is None else read_dollars(monthly)


def _said(total: Micros | None, monthly: Micros | None) -> str:
    said = [f"{format_dollars(total)} in all"] if total is not None else []
    if monthly is not None:
        said.append(f"{format_dollars(monthly)} a month")
    return " and ".join(said) or "what its account has"


def _spends(spending: dict[int, caps.Spending], key_id: int) -> tuple[str, ...]:
    if (mine := spending.get(key_id)) is None:
        return ()
    return _said(mine.cap, mine.monthly_cap), format_dollars(mine.left)


def _account(session: Session, clock: Clock, named: str | None) -> Account:
    return ensure_owner(session, clock) if named is None else find_account(session, named)
