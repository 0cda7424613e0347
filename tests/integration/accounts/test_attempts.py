"""Limits on attempts, against all gateways at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from easel.accounts.attempts import Limit, network_of, take
from easel.accounts.tables import Allowance
from easel.db.session import Database
from easel.domain.errors import TooManyAttempts
from easel.kit.clock import SettableClock

LIMIT = Limit("tests", 3, timedelta(seconds=10))


def taken(session: Session, clock: SettableClock, subject: str = "ann", limit: Limit = LIMIT) -> bool:
    try:
        take(session, clock, limit, subject)
    except TooManyAttempts:
        return False
    return True


def test_so_many_at_once_and_then_one_each_pause(session: Session, clock: SettableClock) -> None:
    assert [taken(session, clock) for _ in range(5)] == [True] * 3 + [False] * 2
    clock.advance(timedelta(seconds=9))
    assert not taken(session, clock)
    clock.advance(timedelta(seconds=1))
    assert [taken(session, clock) for _ in range(2)] == [True, False]
    clock.advance(timedelta(seconds=25))
    assert [taken(session, clock) for _ in range(3)] == [True, True, False]


def test_who_has_not_tried_for_a_while_begins_anew_and_saves_nothing_up(session: Session, clock: SettableClock) -> None:
    taken(session, clock)
    clock.advance(timedelta(days=300))
    assert [taken(session, clock) for _ in range(4)] == [True] * 3 + [False]


@pytest.mark.parametrize(("waited", "left"), [(0, 10), (4, 6), (9, 1)])
def test_it_says_when_to_come_again(session: Session, clock: SettableClock, waited: int, left: int) -> None:
    for _ in range(3):
        take(session, clock, LIMIT, "ann")
    clock.advance(timedelta(seconds=waited))
    with pytest.raises(TooManyAttempts, match=f"try again in {left} seconds") as refused:
        take(session, clock, LIMIT, "ann")
    assert refused.value.retry_after == left
    clock.advance(timedelta(seconds=left))
    take(session, clock, LIMIT, "ann")


def test_subjects_and_limits_do_not_count_for_each_other(session: Session, clock: SettableClock) -> None:
    for _ in range(3):
        take(session, clock, LIMIT, "ann")
    assert taken(session, clock, "bob")
    assert taken(session, clock, limit=Limit("others", 1, timedelta(seconds=1)))


def test_whose_attempts_they_are_is_not_kept(session: Session, clock: SettableClock) -> None:
    take(session, clock, LIMIT, "ann@example.org")
    assert "ann" not in session.query(Allowance).one().sha256


def test_rows_whose_time_is_over_are_swept_up(session: Session, clock: SettableClock) -> None:
    for number in range(8):
        take(session, clock, LIMIT, number)
    clock.advance(timedelta(minutes=1))
    take(session, clock, LIMIT, "ann")
    assert session.scalar(select(func.count()).select_from(Allowance)) == 1


def test_of_many_at_the_same_moment_no_more_get_through(database: Database, clock: SettableClock) -> None:
    start = Barrier(12)

    def attempt(_: int) -> bool:
        with database.transaction() as session:
            session.connection()  # connecting takes longer than the race
            start.wait(timeout=30)
            return taken(session, clock)

    with ThreadPoolExecutor(12) as pool:
        assert sum(pool.map(attempt, range(12))) == LIMIT.at_once


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("testclient", "unknown"),
        (None, "unknown"),
        ("", "unknown"),
    ],
)
def test_a_customers_addresses_are_one_network(address: str | None, network: str) -> None:
    assert network_of(address) == network
