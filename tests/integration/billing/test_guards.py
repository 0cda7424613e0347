"""What the database refuses by itself, whoever asks. Each test does what no code of ours may do."""

from collections.abc import Callable

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from easel.billing import ledger
from easel.billing.audit import audit
from easel.db.session import Database
from easel.domain.money import Micros
from easel.kit.clock import SettableClock


@pytest.fixture(autouse=True)
def some_history(database: Database, clock: SettableClock, rich: Callable[[int], int]) -> int:
    """Account 1 has 100 micro-dollars, 30 of them held (hold 1), and hold 2 was captured."""
    account = rich(110)
    with database.transaction() as session:
        ledger.hold(session, clock, account, Micros(30), "held")
        ledger.capture(session, clock, ledger.hold(session, clock, account, Micros(10), "captured"), Micros(10))
    return account


def refused(database: Database, statement: str) -> str:
    """What the database says to `statement`; fails the test if it takes it."""

    def run() -> None:
        with database.transaction() as session:
            session.execute(text(statement))

    with pytest.raises(DBAPIError) as caught:
        run()
    return str(caught.value.orig)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_entries SET amount = amount + 1",
        "UPDATE ledger_entries SET amount = 1 WHERE false",
        "DELETE FROM ledger_entries",
        "TRUNCATE ledger_entries",
        "UPDATE ledger_transfers SET memo = 'better'",
        "DELETE FROM ledger_transfers",
        "TRUNCATE ledger_transfers CASCADE",
        "DELETE FROM wallets",
        "TRUNCATE wallets CASCADE",
        "DELETE FROM holds",
        "TRUNCATE holds CASCADE",
    ],
)
def test_history_is_only_added_to(database: Database, statement: str) -> None:
    assert "the ledger is only added to" in refused(database, statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE wallets SET balance = balance + 1 WHERE account_id IS NOT NULL",
        "UPDATE wallets SET balance = 0 WHERE kind = 'available'",
        "UPDATE wallets SET account_id = NULL, balance = NULL, kind = 'grants' WHERE kind = 'available'",
    ],
)
def test_a_balance_changes_by_entries_only(database: Database, statement: str) -> None:
    assert "by ledger entries only" in refused(database, statement)


def test_a_wallet_starts_empty(database: Database) -> None:
    account = "INSERT INTO accounts (name, created_at) VALUES ('bob', now()) RETURNING id"
    wallet = f"WITH a AS ({account}) INSERT INTO wallets (account_id, kind, balance) SELECT id, 'available', 5 FROM a"
    assert "a wallet starts empty" in refused(database, wallet)


@pytest.mark.parametrize("values", ["(NULL, 'available', 0)", "(1, 'cash', 0)", "(1, 'other', 0)", "(NULL, 'cash', 0)"])
def test_a_wallet_is_of_a_known_kind(database: Database, values: str) -> None:
    assert "ck_wallets_kind" in refused(database, f"INSERT INTO wallets (account_id, kind, balance) VALUES {values}")


@pytest.mark.parametrize(
    "entries",
    [
        "(1, -5), (4, 6)",
        "(1, 5)",
        "(1, -5), (4, 4)",
    ],
)
def test_a_transfer_sums_to_zero_or_is_not_committed(database: Database, entries: str) -> None:
    assert "not to zero" in refused(database, _transfer(f"(VALUES {entries}) AS e (wallet, amount)"))


def test_a_transfer_without_entries_is_not_committed(database: Database) -> None:
    assert "sums to nothing" in refused(
        database, "INSERT INTO ledger_transfers (key, kind, created_at) VALUES ('empty', 'credit', now())"
    )


def test_an_old_transfer_takes_no_further_entry(database: Database) -> None:
    """The house's revenue has no part in the first transfer; adding it there would unbalance that transfer."""
    revenue = "(SELECT id FROM wallets WHERE kind = 'revenue')"
    assert "not to zero" in refused(database, f"INSERT INTO ledger_entries VALUES (1, {revenue}, 5)")


def test_an_entry_of_nothing_is_refused(database: Database) -> None:
    assert "ck_ledger_entries_amount" in refused(database, "INSERT INTO ledger_entries VALUES (1, 2, 0)")


def test_an_account_cannot_be_overdrawn(database: Database) -> None:
    available = "(SELECT id FROM wallets WHERE kind = 'available')"
    cash = "(SELECT id FROM wallets WHERE kind = 'cash')"
    entries = f"(SELECT {available} AS wallet, -71 AS amount UNION ALL SELECT {cash}, 71) AS e"
    assert "ck_wallets_no_overdraft" in refused(database, _transfer(entries))


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("UPDATE holds SET state = 'held', ended_at = NULL, captured = 0 WHERE id = 2", "captured -> held"),
        ("UPDATE holds SET state = 'released', captured = 0 WHERE id = 2", "captured -> released"),
        ("UPDATE holds SET captured = 9 WHERE id = 2", "captured -> captured"),
        ("UPDATE holds SET amount = 5 WHERE id = 1", "held -> held"),
        ("UPDATE holds SET state = 'released', ended_at = now(), amount = 5 WHERE id = 1", "no legal move"),
        ("UPDATE holds SET state = 'captured', ended_at = now(), captured = 31 WHERE id = 1", "ck_holds_captured"),
        ("UPDATE holds SET state = 'released', ended_at = now(), captured = 1 WHERE id = 1", "ck_holds_captured"),
        ("UPDATE holds SET state = 'lost', ended_at = now() WHERE id = 1", "ck_holds_state"),
        ("UPDATE holds SET state = 'released' WHERE id = 1", "ck_holds_ended"),
        (
            "INSERT INTO holds (key, account_id, amount, state, created_at, ended_at)"
            " VALUES ('new', 1, 5, 'released', now(), now())",
            "a hold starts as held",
        ),
        ("INSERT INTO holds (key, account_id, amount, created_at) VALUES ('new', 1, -5, now())", "ck_holds_amount"),
    ],
)
def test_a_hold_moves_once_and_as_listed(database: Database, statement: str, says: str) -> None:
    assert says in refused(database, statement)


def test_an_account_with_money_cannot_be_deleted(database: Database) -> None:
    assert "violates foreign key constraint" in refused(database, "DELETE FROM accounts")


def test_after_all_of_that_the_books_are_sound(database: Database) -> None:
    with database.transaction() as session:
        assert audit(session) == []


def _transfer(entries: str) -> str:
    return f"""
        WITH t AS (INSERT INTO ledger_transfers (key, kind, created_at) VALUES ('x', 'credit', now()) RETURNING id)
        INSERT INTO ledger_entries (transfer_id, wallet_id, amount) SELECT t.id, e.wallet, e.amount FROM t, {entries}
    """
