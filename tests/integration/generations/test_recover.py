"""What goes back to the queue, how often, and in which order rows are locked."""

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import text

from easel.accounts.queries import create_account
from easel.accounts.tables import Account
from easel.billing import ledger
from easel.billing.audit import audit
from easel.billing.wallets import balance, reserved
from easel.db.session import Database
from easel.domain.money import Micros
from easel.domain.request import GenerationDraft
from easel.generations.cancel import cancel
from easel.generations.queries import GenerationView, get_view
from easel.generations.recover import LONGEST_PAUSE, recover_expired, take_back, try_again
from easel.generations.submit import submit
from easel.generations.tables import Generation
from easel.jobs import queue
from easel.jobs.queue import Lease, LeaseLost
from easel.jobs.states import JobState
from easel.kit.clock import SettableClock, SystemClock

LEASE = timedelta(seconds=30)


def claim(
    database: Database, clock: SettableClock, worker: str = "w", limit: int = 1, idle: bool = True
) -> list[Lease]:
    with database.transaction() as session:
        jobs = queue.claim(session, clock, worker, kind="generate", resident=(), limit=limit, idle=idle, lease=LEASE)
        return [Lease(job.id, worker, job.attempts) for job in jobs]


def view(database: Database, clock: SettableClock, generation: Generation) -> GenerationView:
    with database.transaction() as session:
        return get_view(session, clock, generation.account_id, generation.id)


class TestTryAgain:
    def again(
        self, database: Database, clock: SettableClock, lease: Lease, tries: int = 3, alone: bool = False
    ) -> bool:
        with database.transaction() as session:
            return try_again(session, clock, lease, "The store was away.", tries=tries, alone=alone)

    def test_waits_longer_each_time_and_then_fails_unpaid(
        self, database: Database, clock: SettableClock, account: Account, order: Callable[..., Generation]
    ) -> None:
        generation = order()
        for pause in (2, 4):
            [lease] = claim(database, clock)
            assert self.again(database, clock, lease)
            clock.advance(timedelta(seconds=pause - 1))
            assert claim(database, clock) == []
            assert view(database, clock, generation).state is JobState.QUEUED
            clock.advance(timedelta(seconds=1))
        [lease] = claim(database, clock)
        assert not self.again(database, clock, lease)
        seen = view(database, clock, generation)
        assert (seen.state, seen.error, seen.cost) == (JobState.FAILED, "The store was away.", 0)
        with database.transaction() as session:
            assert (balance(session, account.id), reserved(session, account.id)) == (10_000_000, 0)

    def test_of_what_needs_all_memory_is_alone(
        self, database: Database, clock: SettableClock, order: Callable[..., Generation]
    ) -> None:
        order(), order()
        [lease] = claim(database, clock)
        assert self.again(database, clock, lease, tries=2, alone=True)
        clock.advance(LONGEST_PAUSE)
        assert claim(database, clock, "busy", limit=2, idle=False) == []
        assert [one.job_id for one in claim(database, clock, "idle", limit=2)] == [lease.job_id]

    def test_a_request_that_was_cancelled_is_not_tried_again(
        self, database: Database, clock: SettableClock, order: Callable[..., Generation]
    ) -> None:
        generation = order()
        [lease] = claim(database, clock)
        with database.transaction() as session:
            cancel(session, clock, generation.account_id, generation.id)
        assert not self.again(database, clock, lease)
        assert view(database, clock, generation).state is JobState.CANCELLED

    def test_is_not_for_a_lease_that_is_lost(
        self, database: Database, clock: SettableClock, order: Callable[..., Generation]
    ) -> None:
        order()
        [lease] = claim(database, clock)
        clock.advance(LEASE * 2)
        with database.transaction() as session:
            recover_expired(session, clock)
        with pytest.raises(LeaseLost):
            self.again(database, clock, lease)


def test_two_that_take_jobs_back_do_not_wait_for_each_other(
    database: Database, clock: SettableClock, account: Account
) -> None:
    """Each has a job of both accounts, in opposite order. Both wait until the wallets are free, and end in turn."""
    with database.transaction() as session:
        other = create_account(session, clock, "Bob", plan="pay-as-you-go")
        ledger.credit(session, clock, other.id, Micros(1_000_000), key="bob")
    draft = GenerationDraft(model_id="easel-starter", prompt="x")
    ordered: list[Generation] = []
    for worker, accounts in (("one", (account, other)), ("two", (other, account))):
        for whose in accounts:
            with database.transaction() as session:
                ordered.append(submit(session, clock, whose, draft, base_url=""))
            claim(database, clock, worker)
    with database.transaction() as session:
        session.execute(text("UPDATE jobs SET cancel_requested = true"))  # so that taking them back moves money
    failed: list[BaseException] = []

    def take(worker: str) -> None:
        try:
            with database.transaction() as session:
                assert take_back(session, clock, worker) == 2
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=take, args=(worker,)) for worker in ("one", "two")]
    with database.transaction() as session:
        session.execute(text("SELECT FROM wallets FOR UPDATE"))
        for thread in threads:
            thread.start()
        wait_until_waiting(database, 2)
    for thread in threads:
        thread.join()
    assert failed == []
    assert {view(database, clock, generation).state for generation in ordered} == {JobState.CANCELLED}
    with database.transaction() as session:
        assert audit(session) == []


def wait_until_waiting(database: Database, number: int) -> None:
    """Until so many connections wait for a row that somebody else has locked."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    while True:
        with database.transaction() as session:
            if session.scalar(waiting) == number:
                return


def test_leases_go_by_the_databases_clock(database: Database, account: Account) -> None:
    """A machine whose clock is an hour behind neither loses what it holds nor keeps what it lost."""

    class Behind(SystemClock):
        def now(self) -> object:  # pyright: ignore[reportIncompatibleMethodOverride]
            return super().now() - timedelta(hours=1)

    right, behind = SystemClock(), Behind()
    draft = GenerationDraft(model_id="easel-starter", prompt="x")
    with database.transaction() as session:
        submit(session, right, account, draft, base_url="")
    with database.transaction() as session:
        [job] = queue.claim(
            session, behind, "behind", kind="generate", resident=(), limit=1, idle=True, lease=timedelta(minutes=1)
        )
        held = Lease(job.id, "behind", job.attempts)
    with database.transaction() as session:
        assert recover_expired(session, right) == 0
        assert queue.renew(session, behind, [held], lease=timedelta(0)) == {held: False}
    with database.transaction() as session:
        assert recover_expired(session, behind) == 1
