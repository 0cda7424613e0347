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
from easel.cli.context import open_installation
from easel.kit.clock import Clock

app = App(name="keys", help="Create, list and revoke API keys.")

ACCOUNT = Parameter(help="The account's name, email or number; the owner's otherwise.")


@app.command
def create(
    name: Annotated[str, Parameter(help="For you to tell it from others.")],
    *,
    scope: Annotated[
        list[Scope] | None,
        Parameter(help="What it may be used for; once for each. Without: generate and read.", negative=""),
    ] = None,
    account: Annotated[str | None, ACCOUNT] = None,
) -> None:
    """Make a key and show it, this once."""
    with open_installation() as installation, installation.database.transaction() as session:
        found = _account(session, installation.clock, account)
        _, secret = keys.create_key(session, installation.clock, found.id, name, scope or keys.USUAL_SCOPES)
    print(f"API key: {secret}")


@app.command(name="list")
def list_(*, account: Annotated[str | None, ACCOUNT] = None) -> None:
    """Show an account's keys, revoked ones included."""
    table = Table("Number", "Name", "Begins with", "May", "Made", "Last used", "Revoked")
    with open_installation() as installation, installation.database.transaction() as session:
        found = _account(session, installation.clock, account)
        for key in keys.list_keys(session, found.id):
            times = (
                f"{time:%Y-%m-%d %H:%M}" if time else "" for time in (key.created_at, key.last_used_at, key.revoked_at)
            )
            table.add_row(str(key.id), key.name, key.prefix, ", ".join(key.scopes), *times)
    Console().print(table)


@app.command
def revoke(number: int, /, *, account: Annotated[str | None, ACCOUNT] = None) -> None:
    """End a key for good. NUMBER is what `easel keys list` shows."""
    with open_installation() as installation, installation.database.transaction() as session:
        found = _account(session, installation.clock, account)
        keys.revoke_key(session, installation.clock, found.id, number)
    print(f"Key {number} no longer works")


def _account(session: Session, clock: Clock, named: str | None) -> Account:
    return ensure_owner(session, clock) if named is None else find_account(session, named)
