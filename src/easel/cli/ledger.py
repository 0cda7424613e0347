"""`easel ledger`: where the money is, and proof that it adds up."""

import sys
from typing import Annotated

from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Table

from easel.accounts.queries import find_account
from easel.billing import wallets
from easel.billing.audit import audit as find_faults
from easel.cli.context import open_installation
from easel.domain.money import format_dollars

app = App(name="ledger", help="Look at the money, and prove that it adds up.")


@app.command
def audit() -> None:
    """Check every rule of the ledger on the live database. Exit code 1, and a sentence each, for what is broken."""
    with open_installation() as installation, installation.database.transaction() as session:
        faults = find_faults(session)
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults:
        sys.exit(1)
    print("The ledger is sound: all entries sum to zero, every balance is the sum of its entries, no hold ended twice.")


@app.command
def statement(
    account: Annotated[str, Parameter(help="The account's name, email or number.")],
    /,
    *,
    limit: Annotated[int, Parameter(help="How many lines, the newest first.")] = 50,
) -> None:
    """Show what happened to an account's money."""
    table = Table("Transfer", "When (UTC)", "What", "Available", "Reserved", "Memo")
    with open_installation() as installation, installation.database.transaction() as session:
        found = find_account(session, account)
        for line in wallets.statement(session, found.id, max(limit, 0)):
            table.add_row(
                str(line.transfer_id),
                f"{line.created_at:%Y-%m-%d %H:%M:%S}",
                line.kind,
                format_dollars(line.available),
                format_dollars(line.reserved),
                line.memo,
            )
        total, aside = wallets.balance(session, found.id), wallets.reserved(session, found.id)
    Console().print(table)
    print(
        f"{found.name} can spend {format_dollars(total)}; {format_dollars(aside)} is reserved for unfinished pictures"
    )
