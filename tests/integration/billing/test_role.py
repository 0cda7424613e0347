"""The program's own role: even with every trigger off, it can only add to the ledger."""

from collections.abc import Callable

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from easel.billing import ledger
from easel.billing.wallets import balance
from easel.db.migrate import migrate
from easel.db.role import APPEND_ONLY, ROLE
from easel.db.session import Database
from easel.domain.money import Micros
from easel.kit.clock import SettableClock


@pytest.fixture
def serving(database: Database) -> Database:
    """The database as the program uses it."""
    migrate(database)
    return database


def test_money_moves_in_it(serving: Database, clock: SettableClock, rich: Callable[[int], int]) -> None:
    account = rich(10)
    with serving.transaction() as session:
        assert session.scalar(text("SELECT current_user")) == ROLE
        ledger.capture(session, clock, ledger.hold(session, clock, account, Micros(4), "one"), Micros(4))
        assert balance(session, account) == 6


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("verb", ["DELETE FROM {}", "TRUNCATE {} CASCADE", "UPDATE {} SET ctid = ctid"])
def test_it_cannot_rewrite_what_was_booked(serving: Database, table: str, verb: str) -> None:
    with serving.engine.connect() as connection:
        connection.execute(text("RESET ROLE"))
        connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
        connection.execute(text(f"SET ROLE {ROLE}"))
        statement = verb.format(table).replace("SET ctid = ctid", f"SET {_column(table)} = {_column(table)}")
        with pytest.raises(ProgrammingError, match="permission denied"):
            connection.execute(text(statement))


@pytest.mark.parametrize("table", ["wallets", "holds"])
def test_it_cannot_remove_a_wallet_or_a_hold(serving: Database, table: str) -> None:
    with serving.engine.connect() as connection, pytest.raises(ProgrammingError, match="permission denied"):
        connection.execute(text(f"DELETE FROM {table}"))


def _column(table: str) -> str:
    return {
        "payment_events": "outcome",
        "ledger_transfers": "memo",
        "plan_changes": "reason",
        "operator_actions": "sentence",
    }.get(table, "amount")
