"""The audit finds what is wrong. To make something wrong, the guards are switched off first."""

from collections.abc import Callable

import pytest
from sqlalchemy import text

from easel.billing import ledger
from easel.billing.audit import audit
from easel.db.session import Database
from easel.domain.money import Micros
from easel.kit.clock import SettableClock


@pytest.fixture(autouse=True)
def some_history(database: Database, clock: SettableClock, rich: Callable[[int], int]) -> int:
    account = rich(110)
    with database.transaction() as session:
        ledger.hold(session, clock, account, Micros(30), "held")
        ledger.capture(session, clock, ledger.hold(session, clock, account, Micros(10), "captured"), Micros(4))
        ledger.release(session, clock, ledger.hold(session, clock, account, Micros(20), "released"))
        ledger.release(session, clock, ledger.hold(session, clock, account, Micros(0), "for nothing"))
    return account


@pytest.fixture
def tamper(database: Database) -> Callable[[str], list[str]]:
    """Run a statement with the guards off, switch them on again, and audit."""

    def do(statement: str) -> list[str]:
        with database.transaction() as session:
            session.execute(text("SET LOCAL session_replication_role = replica"))
            session.execute(text(statement))
        with database.transaction() as session:
            return audit(session)

    return do


def test_honest_books_are_sound(database: Database) -> None:
    with database.transaction() as session:
        assert audit(session) == []


def test_empty_books_are_sound(database: Database) -> None:
    with database.transaction() as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        for table in ("ledger_entries", "ledger_transfers", "holds", "wallets"):
            session.execute(text(f"DELETE FROM {table}"))
        assert audit(session) == []


@pytest.mark.parametrize(
    ("statement", "faults"),
    [
        (
            "UPDATE ledger_entries SET amount = amount + 1 WHERE transfer_id = 1 AND amount > 0",
            [
                "All entries together sum to 1",
                "Transfer 1 sums to 1",
                "says 76 micro-dollars, but its entries sum to 77",
            ],
        ),
        ("UPDATE wallets SET balance = 77 WHERE kind = 'available'", ["says 77 micro-dollars"]),
        (
            "UPDATE wallets SET balance = 29 WHERE kind = 'reserved'",
            ["says 29 micro-dollars", "has 29 micro-dollars reserved, but its open holds sum to 30"],
        ),
        (
            "INSERT INTO ledger_transfers (key, kind, created_at) VALUES ('empty', 'credit', now())",
            ["sums to nothing micro-dollars"],
        ),
        (
            "UPDATE holds SET state = 'released', ended_at = now() WHERE key = 'held'",
            ["open holds sum to 0", "Hold 1 is released, but the ledger has 1 transfers that reserve it and 0"],
        ),
        (
            "UPDATE holds SET captured = 5 WHERE key = 'captured'",
            ["Captured holds less refunds, and fees, sum to 5 micro-dollars"],
        ),
        (
            "INSERT INTO holds (key, account_id, amount, created_at) VALUES ('from nowhere', 1, 5, now())",
            ["open holds sum to 35", "the ledger has 0 transfers that reserve it"],
        ),
        (
            "ALTER TABLE ledger_entries DISABLE TRIGGER ledger_entries_append_only",
            ["ledger_entries_append_only is missing"],
        ),
        (
            "INSERT INTO refunds (key, hold_id, amount, reason, created_at) SELECT 'r', id, 3, '', now() FROM holds"
            " WHERE key = 'captured'",
            ["sum to 1 micro-dollars, but the house has earned 4", "Refund 1 of 3 micro-dollars is not in the ledger"],
        ),
        (
            "INSERT INTO top_ups (uuid, account_id, amount, currency, state, created_at, paid_at)"
            " VALUES ('u', 1, 7, 'usd', 'paid', now(), now())",
            ["Payment 1 of 7 micro-dollars is paid, but the ledger has 0 credits for it"],
        ),
        ("DROP TRIGGER holds_guard ON holds", ["The guard holds_guard is missing"]),
    ],
)
def test_a_fault_is_named(tamper: Callable[[str], list[str]], statement: str, faults: list[str]) -> None:
    found = tamper(statement)
    assert len(found) == len(faults), found
    for fault in faults:
        assert any(fault in sentence for sentence in found), found
