"""What a key may spend, and that nobody gets past it: not over time, not in a crowd, not by another door."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from test_races import PRICE, THREADS, at_once

from easel.accounts.keys import create_key
from easel.billing import caps, ledger
from easel.billing.audit import audit
from easel.db.session import Database
from easel.domain.errors import InvalidRequest, NotEnoughCredit, SpendingCapReached
from easel.domain.money import Micros
from easel.kit.clock import SettableClock

MUCH = 1000 * PRICE


@pytest.fixture
def account(rich: Callable[[int], int]) -> int:
    return rich(MUCH)


@pytest.fixture
def capped(database: Database, clock: SettableClock, account: int) -> Callable[..., int]:
    """Make a key of the account with caps; answers its number."""

    def make(total: int | None = None, monthly: int | None = None) -> int:
        with database.transaction() as session:
            key, _ = create_key(session, clock, account, "agent")
            caps.set_cap(session, key.id, total=_micros(total), monthly=_micros(monthly))
            return key.id

    return make


@pytest.fixture
def spend(database: Database, clock: SettableClock, account: int) -> Callable[..., int]:
    """Hold an amount in a key's name; answers the hold's number."""

    def hold(key: int | None, amount: int, name: str) -> int:
        with database.transaction() as session:
            return ledger.hold(session, clock, account, Micros(amount), name, api_key_id=key)

    return hold


@pytest.fixture
def left(database: Database, clock: SettableClock) -> Callable[[int], int]:
    def look(key: int) -> int:
        with database.transaction() as session:
            assert audit(session) == []
            return caps.spending_of(session, clock, [key])[key].left

    return look


def test_a_crowd_does_not_get_past_it(
    database: Database, clock: SettableClock, account: int, capped: Callable[..., int], left: Callable[[int], int]
) -> None:
    key = capped(total=10 * PRICE + 1)
    outcomes = at_once(
        database,
        [
            lambda session, number=number: ledger.hold(
                session, clock, account, PRICE, f"generation:{number}", api_key_id=key
            )
            for number in range(THREADS)
        ],
    )
    assert Counter(outcomes) == {"": 10, SpendingCapReached.__name__: THREADS - 10}
    assert left(key) == 1


def test_what_is_given_back_may_be_spent_again_and_what_is_taken_may_not(
    database: Database,
    clock: SettableClock,
    capped: Callable[..., int],
    spend: Callable[..., int],
    left: Callable[[int], int],
) -> None:
    key = capped(total=100)
    first, second, third = spend(key, 40, "1"), spend(key, 40, "2"), spend(key, 20, "3")
    assert left(key) == 0
    with database.transaction() as session:
        ledger.release(session, clock, first)
        ledger.capture(session, clock, second, Micros(30))
        ledger.capture(session, clock, third, Micros(20))
    assert left(key) == 50
    with database.transaction() as session:
        ledger.refund(session, clock, third, Micros(20), "r", "asked for")
    assert left(key) == 50


def test_a_month_begins_anew_and_the_whole_does_not(
    clock: SettableClock, capped: Callable[..., int], spend: Callable[..., int], left: Callable[[int], int]
) -> None:
    clock.advance(datetime(2026, 11, 30, 23, 59, tzinfo=UTC) - clock.now())
    both, monthly = capped(total=150, monthly=100), capped(monthly=100)
    for key in (both, monthly):
        spend(key, 100, f"november:{key}")
        with pytest.raises(SpendingCapReached):
            spend(key, 1, f"too much:{key}")
    clock.advance(timedelta(minutes=1))
    assert (left(both), left(monthly)) == (50, 100)
    with pytest.raises(SpendingCapReached, match=r"\$0.00015 in all and \$0.0001 a month, and has \$0.00005 left"):
        spend(both, 51, "december")


def test_it_is_the_keys_alone(
    capped: Callable[..., int], spend: Callable[..., int], left: Callable[[int], int]
) -> None:
    key, other = capped(total=0), capped(total=5)
    with pytest.raises(SpendingCapReached, match=f"easel keys cap {key}"):
        spend(key, 1, "refused")
    spend(None, MUCH - 10, "the site")
    spend(other, 5, "the other key")
    assert (left(key), left(other)) == (0, 0)
    spend(key, 0, "what costs nothing")


def test_neither_cap_nor_wallet_refuses_what_was_held_before(
    capped: Callable[..., int], spend: Callable[..., int]
) -> None:
    key = capped(total=MUCH + 1)
    assert spend(key, MUCH, "again") == spend(key, MUCH, "again")
    with pytest.raises(NotEnoughCredit):
        spend(key, 1, "another")


def test_a_cap_can_be_changed_and_taken_off(
    database: Database, clock: SettableClock, capped: Callable[..., int], spend: Callable[..., int]
) -> None:
    key = capped(total=10)
    spend(key, 10, "1")
    with database.transaction() as session:
        caps.set_cap(session, key, total=Micros(30), monthly=None)
    spend(key, 20, "2")
    with database.transaction() as session:
        caps.set_cap(session, key, total=None, monthly=None)
    spend(key, 1000, "3")
    with database.transaction() as session:
        assert caps.spending_of(session, clock, [key]) == {}
        with pytest.raises(InvalidRequest, match=r"A cap is from \$0.00"):
            caps.set_cap(session, key, total=Micros(-1), monthly=None)


def test_the_database_keeps_a_hold_with_its_key(
    database: Database, capped: Callable[..., int], spend: Callable[..., int]
) -> None:
    hold = spend(capped(total=10), 5, "1")
    with pytest.raises(DBAPIError, match="no legal move"), database.transaction() as session:
        session.execute(
            text("UPDATE holds SET state = 'released', ended_at = now(), api_key_id = NULL WHERE id = :id"),
            {"id": hold},
        )


def _micros(amount: int | None) -> Micros | None:
    return None if amount is None else Micros(amount)
