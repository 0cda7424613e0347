"""Whose turn it is: shares between accounts, classes, and how long anybody waits at most."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, text
from sqlalchemy.orm import Session

from easel.accounts.queries import create_account
from easel.db.session import Database
from easel.jobs import queue
from easel.jobs.shares import AGE_EVERY, PATIENCE, places_by_age
from easel.jobs.tables import Job, JobEvent, QueueShare
from easel.kit.clock import SettableClock

LEASE = timedelta(hours=1)


class Line:
    """Accounts that queue jobs, and a worker that takes them, in one transaction."""

    def __init__(self, session: Session, clock: SettableClock, accounts: list[int]) -> None:
        self.session, self.clock, self.accounts = session, clock, accounts
        self._subjects = count(1)

    def add(self, who: int, *, share: int = 1, work: float = 1.0, priority: int = 0, model: str = "m") -> int:
        return queue.enqueue(
            self.session,
            self.clock,
            kind="generate",
            subject_id=next(self._subjects),
            account_id=self.accounts[who],
            model_id=model,
            share=share,
            work=work,
            priority=priority,
        )

    def take(self, limit: int = 1, *, by_age: int = 0, resident: tuple[str, ...] = ()) -> list[Job]:
        return queue.claim(
            self.session,
            self.clock,
            "w",
            kind="generate",
            resident=resident,
            limit=limit,
            by_age=by_age,
            idle=True,
            lease=LEASE,
        )

    def who(self, jobs: list[Job]) -> list[int]:
        return [self.accounts.index(job.account_id) for job in jobs]

    def clear(self) -> None:
        for table in (JobEvent, Job, QueueShare):
            self.session.execute(delete(table))


@pytest.fixture
def line(session: Session, clock: SettableClock) -> Line:
    return Line(session, clock, [create_account(session, clock, f"account {letter}").id for letter in "abcd"])


def test_one_with_many_requests_does_not_hold_up_one_with_few(line: Line) -> None:
    for _ in range(10):
        line.add(0)
    line.add(1)
    line.add(1)
    assert line.who(line.take(4)) == [0, 1, 0, 1]


def test_a_larger_share_gets_more(line: Line) -> None:
    for _ in range(12):
        line.add(0, share=1)
        line.add(1, share=3)
    assert Counter(line.who(line.take(12))) == {0: 3, 1: 9}


def test_a_request_counts_by_its_work(line: Line) -> None:
    for _ in range(20):
        line.add(0, work=4.0)
        line.add(1, work=1.0)
    assert Counter(line.who(line.take(15))) == {0: 3, 1: 12}


def test_nobody_saves_up_idle_time(line: Line) -> None:
    """An account that comes after another one was busy for long gets its share from now on, and no more."""
    for _ in range(50):
        line.add(0)
    line.take(50)
    for _ in range(4):
        line.add(0)
        line.add(1)
    assert Counter(line.who(line.take(4))) == {0: 2, 1: 2}


def test_a_higher_class_goes_first(line: Line) -> None:
    line.add(0, priority=0)
    line.add(1, priority=1)
    assert line.who(line.take(2)) == [1, 0]


def test_a_resident_model_does_not_overtake_a_higher_class(line: Line) -> None:
    line.add(0, priority=0, model="warm")
    line.add(1, priority=1, model="cold")
    line.add(2, priority=0, model="cold")
    assert line.who(line.take(3, resident=("warm",))) == [1, 0, 2]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_two_that_wait_get_what_their_shares_say(database: Database, clock: SettableClock, data: st.DataObject) -> None:
    """The theorem of start-time fair queueing: work / share differs by at most one largest job of each."""
    shares = data.draw(st.lists(st.integers(1, 5), min_size=2, max_size=4))
    works = data.draw(st.lists(st.sampled_from([0.5, 1.0, 3.0]), min_size=6, max_size=12))
    with database.transaction() as session:
        line = Line(session, clock, accounts_of(session, clock, len(shares)))
        waiting = Counter[int]()
        for number, work in enumerate(works * 4):
            line.add(number % len(shares), share=shares[number % len(shares)], work=work)
            waiting[number % len(shares)] += 1
        largest = max(works)
        served = [0.0] * len(shares)
        work_of = {id: work for id, work in zip(ids_in_order(session), works * 4, strict=True)}
        while min(waiting.values()) > 0:
            [job] = line.take()
            [who] = line.who([job])
            served[who] += work_of[job.id] / shares[who]
            waiting[who] -= 1
            for one in range(len(shares)):
                for other in range(one):
                    bound = largest / shares[one] + largest / shares[other]
                    assert abs(served[one] - served[other]) <= bound + 1e-9
        line.clear()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_nobody_waits_longer_than_the_bound(database: Database, clock: SettableClock, data: st.DataObject) -> None:
    """With n older ones before it, a job is taken with the 4(n+1)th place that is offered after its patience is over.

    Whatever comes meanwhile: classes above it, models that are resident, and workers that ask for one or for many.
    """
    with database.transaction() as session:
        line = Line(session, clock, accounts_of(session, clock, 4))
        older = data.draw(st.integers(0, 4))
        for _ in range(older):
            line.add(0, model="cold")
        unlucky = line.add(0, model="cold")
        clock.advance(PATIENCE + timedelta(seconds=1))
        offered, start = data.draw(st.integers(0, 20)), 0
        while True:
            for _ in range(data.draw(st.integers(1, 6))):
                line.add(data.draw(st.integers(1, 3)), priority=data.draw(st.integers(0, 2)), model="warm")
            limit = data.draw(st.integers(1, 6))
            taken = line.take(limit, by_age=places_by_age(offered, limit), resident=("warm",))
            offered, start = offered + limit, start + limit
            if unlucky in [job.id for job in taken]:
                break
            assert start < AGE_EVERY * (older + 1)
            clock.advance(timedelta(milliseconds=data.draw(st.integers(0, 500))))
        line.clear()


@given(offered=st.integers(0, 1000), limits=st.lists(st.integers(0, 20), max_size=20))
def test_one_place_in_four_goes_by_age(offered: int, limits: list[int]) -> None:
    by_age = 0
    for limit in limits:
        places = places_by_age(offered, limit)
        assert 0 <= places <= limit
        by_age, offered = by_age + places, offered + limit
    assert by_age >= sum(limits) // AGE_EVERY


def accounts_of(session: Session, clock: SettableClock, number: int) -> list[int]:
    """The first so many accounts of this database, made if need be."""
    known = list(session.scalars(text("SELECT id FROM accounts ORDER BY id")))
    while len(known) < number:
        known.append(create_account(session, clock, f"account {len(known)} of some").id)
    return known[:number]


def ids_in_order(session: Session) -> list[int]:
    return list(session.scalars(text("SELECT id FROM jobs ORDER BY id")))


class TestCost:
    """A claim reads the heads of its indexes, however many stand behind them."""

    @pytest.fixture
    def backlog(self, session: Session, clock: SettableClock, line: Line) -> Callable[[int], None]:
        def up_to(jobs: int) -> None:
            session.execute(text("SET LOCAL session_replication_role = replica"))  # without triggers it takes no time
            session.execute(
                text("""
                    INSERT INTO jobs (kind, subject_id, account_id, model_id, state, priority, virtual_start, attempts,
                        max_attempts, available_at, expires_at, cancel_requested, created_at)
                    SELECT 'generate', n, :account, 'm' || n % 5, 'queued', n % 2, n, 0, 3, :now, NULL, false, :now
                    FROM generate_series((SELECT count(*) FROM jobs) + 1, :jobs) AS n
                """),
                {"account": line.accounts[0], "now": clock.now(), "jobs": jobs},
            )
            session.execute(text("ANALYZE jobs"))

        return up_to

    def explained(self, session: Session, clock: SettableClock) -> dict[str, Any]:
        savepoint = session.begin_nested()
        named = {
            "worker_id": "w",
            "kind": "generate",
            "resident": ["m3"],
            "limit": 16,
            "by_age": 4,
            "idle": True,
            "lease": LEASE,
            "patience": PATIENCE,
            "now": clock.now(),
        }
        explain = text(f"EXPLAIN (ANALYZE, BUFFERS, TIMING off, FORMAT json) {queue.CLAIM.text}")
        plan = session.scalars(explain, named).one()[0]["Plan"]
        savepoint.rollback()
        return plan

    @pytest.mark.parametrize("waited", [timedelta(0), 2 * PATIENCE])
    def test_does_not_grow_with_the_backlog(
        self, session: Session, clock: SettableClock, backlog: Callable[[int], None], waited: timedelta
    ) -> None:
        looked_at: list[int] = []
        for jobs in (4_000, 20_000):
            backlog(jobs)
            clock.advance(waited)
            plan = self.explained(session, clock)
            looked_at.append(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])
        assert not [node for node in all_of(plan) if node["Node Type"] == "Seq Scan" and "Relation Name" in node]
        assert looked_at[1] < 1.5 * looked_at[0]

    def test_of_a_look_at_ones_place_does_not_grow_either(
        self, session: Session, clock: SettableClock, backlog: Callable[[int], None]
    ) -> None:
        looked_at: list[int] = []
        for jobs in (4_000, 20_000):
            backlog(jobs)
            last = f"SELECT {queue.POSITION} FROM jobs WHERE subject_id = {jobs - 1}"
            assert session.scalar(text(last)) == queue.MOST_COUNTED
            explain = f"EXPLAIN (ANALYZE, BUFFERS, TIMING off, FORMAT json) {last} AND kind = 'generate'"
            plan = session.scalars(text(explain)).one()[0]["Plan"]
            looked_at.append(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])
        assert looked_at[1] < 1.5 * looked_at[0]


def all_of(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(node for part in plan.get("Plans", []) for node in all_of(part))]
