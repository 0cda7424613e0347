"""The queue on the real database: who gets which job, and who may end it."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from easel.accounts.queries import create_account
from easel.db.session import Database
from easel.jobs import queue
from easel.jobs.queue import Lease, LeaseLost
from easel.jobs.states import MOVES, JobState
from easel.jobs.tables import JobEvent, JobMove
from easel.kit.clock import SettableClock

LEASE = timedelta(seconds=30)


@pytest.fixture
def account_id(database: Database, clock: SettableClock) -> int:
    with database.transaction() as session:
        return create_account(session, clock, "Ada", email=None).id


def add(
    session: Session, clock: SettableClock, account_id: int, subject: int, model: str = "m", priority: int = 0
) -> int:
    return queue.enqueue(
        session,
        clock,
        kind="generate",
        subject_id=subject,
        account_id=account_id,
        model_id=model,
        priority=priority,
    )


def claim(
    session: Session,
    clock: SettableClock,
    worker: str = "w",
    limit: int = 1,
    resident: tuple[str, ...] = (),
    idle: bool = True,
    by_age: int = 0,
) -> list[int]:
    jobs = queue.claim(
        session,
        clock,
        worker,
        kind="generate",
        resident=resident,
        limit=limit,
        idle=idle,
        lease=LEASE,
        by_age=by_age,
    )
    return [job.subject_id for job in jobs]


def test_sql_and_python_know_the_same_moves(session: Session) -> None:
    moves = {(move.from_state, move.to_state) for move in session.scalars(select(JobMove))}
    assert moves == {(source, target) for source, targets in MOVES.items() for target in targets}


def test_priority_first_then_age(session: Session, clock: SettableClock, account_id: int) -> None:
    for subject, priority in ((1, 0), (2, 5), (3, 0)):
        add(session, clock, account_id, subject, priority=priority)
    assert claim(session, clock, limit=3) == [2, 1, 3]
    assert claim(session, clock) == []


def test_a_resident_model_comes_first(session: Session, clock: SettableClock, account_id: int) -> None:
    add(session, clock, account_id, 1, model="cold")
    add(session, clock, account_id, 2, model="warm")
    assert claim(session, clock, limit=2, resident=("warm",)) == [2, 1]


def test_nobody_starves_for_a_cold_model(session: Session, clock: SettableClock, account_id: int) -> None:
    add(session, clock, account_id, 1, model="cold")
    clock.advance(queue.PATIENCE + timedelta(seconds=1))
    add(session, clock, account_id, 2, model="warm")
    assert claim(session, clock, limit=1, resident=("warm",), by_age=1) == [1]


def test_a_job_that_was_lost_with_a_worker_is_drawn_alone(
    session: Session, clock: SettableClock, account_id: int
) -> None:
    for subject in (1, 2, 3):
        add(session, clock, account_id, subject)
    claim(session, clock, limit=1)
    [lost] = queue.lock_jobs_of(session, "w")
    queue.requeue(session, clock, lost, suspect=True)
    assert claim(session, clock, limit=3, idle=False) == []
    assert claim(session, clock, limit=3, idle=True) == [1]
    assert claim(session, clock, limit=3, idle=False) == [2, 3]


def test_a_worker_takes_only_its_own_kind_of_job(session: Session, clock: SettableClock, account_id: int) -> None:
    queue.enqueue(session, clock, kind="train_lora", subject_id=1, account_id=account_id, model_id="m", priority=9)
    assert claim(session, clock) == []


def test_what_is_not_due_is_not_claimed(session: Session, clock: SettableClock, account_id: int) -> None:
    add(session, clock, account_id, 1)
    claim(session, clock)
    job = queue.lock_jobs_of(session, "w")[0]
    queue.requeue(session, clock, job, suspect=False, after=timedelta(seconds=5))
    assert claim(session, clock) == []
    clock.advance(timedelta(seconds=5))
    assert claim(session, clock) == [1]


def test_many_claims_at_once_share_the_jobs_without_overlap(
    database: Database, clock: SettableClock, account_id: int
) -> None:
    with database.transaction() as session:
        for subject in range(60):
            add(session, clock, account_id, subject)
    taken: list[int] = []
    together = threading.Barrier(8)

    def work(name: str) -> None:
        together.wait()
        while True:
            with database.transaction() as session:
                mine = claim(session, clock, worker=name, limit=3)
            if not mine:
                return
            taken.extend(mine)

    threads = [threading.Thread(target=work, args=(f"w{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == list(range(60))


def test_only_the_leases_holder_may_end_the_job(session: Session, clock: SettableClock, account_id: int) -> None:
    job_id = add(session, clock, account_id, 1)
    claim(session, clock, worker="first")
    clock.advance(LEASE + timedelta(seconds=1))
    [job] = queue.lock_expired(session, clock)
    queue.requeue(session, clock, job, suspect=True)
    claim(session, clock, worker="second")
    with pytest.raises(LeaseLost):
        queue.close(session, clock, Lease(job_id, "first", 1), JobState.DONE)
    with pytest.raises(LeaseLost):
        queue.close(session, clock, Lease(job_id, "second", 1), JobState.DONE)
    queue.close(session, clock, Lease(job_id, "second", 2), JobState.DONE)
    with pytest.raises(LeaseLost):
        queue.close(session, clock, Lease(job_id, "second", 2), JobState.DONE)


def test_renewing_keeps_a_lease_alive_and_tells_what_is_lost(
    session: Session, clock: SettableClock, account_id: int
) -> None:
    job_id = add(session, clock, account_id, 1)
    claim(session, clock)
    clock.advance(LEASE * 0.9)
    held, stale, another = Lease(job_id, "w", 1), Lease(job_id, "w", 0), Lease(job_id, "another", 1)
    assert queue.renew(session, clock, [held], lease=LEASE) == {held: False}
    clock.advance(LEASE * 0.9)
    assert queue.lock_expired(session, clock) == []
    assert queue.renew(session, clock, [stale, another], lease=LEASE) == {}
    queue.request_cancel(session, queue.lock(session, job_id))
    assert queue.renew(session, clock, [held], lease=LEASE) == {held: True}


def test_a_job_nobody_renews_expires_though_its_worker_lives(
    session: Session, clock: SettableClock, account_id: int
) -> None:
    kept, dropped = add(session, clock, account_id, 1), add(session, clock, account_id, 2)
    claim(session, clock, limit=2)
    clock.advance(LEASE * 0.9)
    queue.renew(session, clock, [Lease(kept, "w", 1)], lease=LEASE)
    clock.advance(LEASE * 0.9)
    assert [job.id for job in queue.lock_expired(session, clock)] == [dropped]


@pytest.mark.parametrize("final", [JobState.DONE, JobState.FAILED, JobState.CANCELLED])
def test_the_database_refuses_to_run_a_finished_job_again(
    database: Database, clock: SettableClock, account_id: int, final: JobState
) -> None:
    with database.transaction() as session:
        job_id = add(session, clock, account_id, 1)
        claim(session, clock)
        queue.close(session, clock, Lease(job_id, "w", 1), final)
    with pytest.raises(DBAPIError, match=f"cannot go from {final}"), database.transaction() as session:
        session.execute(text("UPDATE jobs SET state = 'queued', lease_until = NULL"))


def test_every_move_leaves_an_event(session: Session, clock: SettableClock, account_id: int) -> None:
    job_id = add(session, clock, account_id, 1)
    claim(session, clock)
    queue.close(session, clock, Lease(job_id, "w", 1), JobState.DONE)
    events = session.scalars(select(JobEvent).filter_by(job_id=job_id).order_by(JobEvent.id))
    assert [(event.from_state, event.to_state, event.worker_id) for event in events] == [
        (None, "queued", None),
        ("queued", "running", "w"),
        ("running", "done", "w"),
    ]


def test_queue_position_counts_those_before(session: Session, clock: SettableClock, account_id: int) -> None:
    ids = [
        add(session, clock, account_id, subject, priority=priority) for subject, priority in ((1, 0), (2, 0), (3, 9))
    ]
    positions = {id: position for id, position in session.execute(text(f"SELECT id, {queue.POSITION} FROM jobs"))}
    assert [positions[job_id] for job_id in ids] == [1, 2, 0]
    claim(session, clock)
    positions = {id: position for id, position in session.execute(text(f"SELECT id, {queue.POSITION} FROM jobs"))}
    assert [positions[job_id] for job_id in ids] == [0, 1, None]
