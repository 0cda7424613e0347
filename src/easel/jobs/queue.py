"""All SQL of jobs. A reader who fears a race reads this file.

A running job belongs to its worker until the lease runs out. Everything a worker does to a job names its `Lease`, and
touches nothing when the job has meanwhile gone to somebody else: the attempt number tells the two apart even when the
same worker claimed it again.

Time is the database's (`db.time`): of the machines that share a queue none need have the right time.

Locks are taken in one order, jobs by id and then the money of their accounts by account, so that no two transactions
wait for each other. What cannot keep to it skips the rows that somebody else has.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import ColumnElement, Select, select, text, tuple_, update
from sqlalchemy.orm import Session

from easel.db.direct import direct
from easel.db.notify import JOBS, notify
from easel.db.time import present
from easel.domain.errors import Conflict
from easel.jobs.shares import LINE_UP, PATIENCE
from easel.jobs.states import JobState
from easel.jobs.tables import SUSPECT, WAITING, Job
from easel.kit.clock import Clock

MAX_ATTEMPTS: Final = 3
"""A job that was lost with its worker this often is not given to another one."""

WINDOW: Final = 256
"""Among so many at the head of the line a worker looks for those whose model it holds; it takes no more at a time."""

MOST_COUNTED: Final = 1000
"""Nobody is told more exactly how many stand before them."""

NOW: Final = "coalesce(CAST(:now AS timestamptz), statement_timestamp())"


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on a job: this worker, this attempt."""

    job_id: int
    worker_id: str
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a leased job is."""

    lease: Lease
    step: int
    steps: int
    preview_key: str | None = None


class LeaseLost(Conflict):
    """The job has gone to another worker, or was cancelled; what was made of it must be thrown away."""


ENQUEUE: Final = f"""{LINE_UP}
    INSERT INTO jobs (kind, subject_id, account_id, model_id, state, priority, virtual_start, attempts, max_attempts,
        available_at, expires_at, cancel_requested, created_at)
    SELECT %(kind)s, %(subject_id)s, %(account_id)s, %(model_id)s, 'queued', %(priority)s, virtual_start,
        0, %(max_attempts)s, now, now + %(expires_after)s::interval, false, now
    FROM share, coalesce(%(now)s::timestamptz, statement_timestamp()) AS now
    RETURNING id
"""


def enqueue(
    session: Session,
    clock: Clock,
    *,
    kind: str,
    subject_id: int,
    account_id: int,
    model_id: str,
    priority: int = 0,
    share: int = 1,
    work: float = 1.0,
    expires_after: timedelta | None = None,
) -> int:
    """Queue a job in the caller's transaction and wake the workers when it commits; answers its id.

    `work` is how much it is beside others of its kind, in any unit; `share` how much of it the account may have done
    beside others of its class. Who still waits after `expires_after` gives up.
    """
    [job] = direct(
        session,
        ENQUEUE,
        {
            "kind": kind,
            "subject_id": subject_id,
            "account_id": account_id,
            "model_id": model_id,
            "priority": priority,
            "length": work / share,
            "max_attempts": MAX_ATTEMPTS,
            "expires_after": expires_after,
            "now": clock.held,
        },
    )
    notify(session, JOBS)
    return job.id


def job_of(session: Session, kind: str, subject_id: int) -> Job:
    return session.scalars(select(Job).filter_by(kind=kind, subject_id=subject_id)).one()


COUNT_UNFINISHED: Final = """
    SELECT count(*) FROM jobs WHERE account_id = %(account_id)s AND state IN ('queued', 'running')
"""


def count_unfinished(session: Session, account_id: int) -> int:
    """How many jobs of the account are queued or running."""
    [(count,)] = direct(session, COUNT_UNFINISHED, {"account_id": account_id})
    return count


def count_queued(session: Session) -> int:
    """How many jobs wait, of all accounts."""
    [(count,)] = direct(session, "SELECT count(*) FROM jobs WHERE state = 'queued'", {})
    return count


POSITION: Final = f"""
    CASE WHEN jobs.state <> 'queued' THEN NULL WHEN jobs.suspect THEN 0 ELSE (
        SELECT count(*) FROM (
            SELECT FROM jobs AS other WHERE other.kind = jobs.kind AND other.state = 'queued' AND NOT other.suspect
            AND (other.priority > jobs.priority OR other.priority = jobs.priority
                AND (other.virtual_start, other.id) < (jobs.virtual_start, jobs.id))
            ORDER BY other.priority DESC, other.virtual_start, other.id LIMIT {MOST_COUNTED}) AS before) END
"""
"""How many queued jobs stand before the one of the statement, up to MOST_COUNTED; NULL once it has left the queue.

They are read in the line's own order, so that the index gives the first ones and the others are never looked at.
"""


IN_TIME = f"available_at <= {NOW} AND (expires_at IS NULL OR expires_at > {NOW})"

CLAIM = text(f"""
    WITH suspect AS MATERIALIZED (
        SELECT id FROM jobs WHERE kind = :kind AND {SUSPECT} AND {IN_TIME} AND :idle
        ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
    ), free AS MATERIALIZED (
        SELECT CASE WHEN EXISTS (SELECT FROM suspect)
            OR NOT :idle AND EXISTS (SELECT FROM jobs WHERE kind = :kind AND {SUSPECT} AND {IN_TIME})
            THEN 0 ELSE CAST(:limit AS bigint) END AS places
    ), aged AS MATERIALIZED (
        SELECT id FROM jobs WHERE kind = :kind AND {WAITING} AND {IN_TIME} AND created_at < {NOW} - :patience
        ORDER BY created_at, id LIMIT (SELECT least(places, :by_age) FROM free) FOR UPDATE SKIP LOCKED
    ), line AS MATERIALIZED (
        SELECT id, priority, model_id = ANY(:resident) AS is_resident, virtual_start FROM jobs
        WHERE kind = :kind AND {WAITING} AND {IN_TIME} AND (SELECT places FROM free) > 0
        ORDER BY priority DESC, virtual_start, id LIMIT {WINDOW}
    ), turn AS MATERIALIZED (
        SELECT jobs.id FROM (
            SELECT * FROM line WHERE id NOT IN (SELECT id FROM aged)
            ORDER BY priority DESC, is_resident DESC, virtual_start, id
        ) AS line JOIN jobs USING (id) WHERE {WAITING}
        ORDER BY line.priority DESC, line.is_resident DESC, line.virtual_start, line.id
        LIMIT (SELECT places FROM free) - (SELECT count(*) FROM aged) FOR UPDATE OF jobs SKIP LOCKED
    ), choice AS (
        SELECT id, 1 AS round FROM suspect UNION ALL SELECT id, 2 FROM aged UNION ALL SELECT id, 3 FROM turn
    ), taken AS (
        UPDATE jobs SET state = 'running', worker_id = :worker_id, lease_until = {NOW} + :lease,
            attempts = attempts + 1, started_at = {NOW}, step = 0, steps = 0, preview_key = NULL
        WHERE id = ANY(ARRAY(SELECT id FROM choice))
        RETURNING *
    )
    SELECT taken.* FROM taken JOIN choice USING (id)
    ORDER BY round, CASE round WHEN 2 THEN created_at END,
        priority DESC, model_id = ANY(:resident) DESC, virtual_start, id
""")


def claim(
    session: Session,
    clock: Clock,
    worker_id: str,
    *,
    kind: str,
    resident: Sequence[str],
    limit: int,
    idle: bool,
    lease: timedelta,
    by_age: int = 0,
) -> list[Job]:
    """Lease up to `limit` queued jobs to the worker, in one statement whose cost does not grow with the queue.

    `by_age` of the places go to those that have waited longest, beyond PATIENCE. The others go by class and then by
    fair share (see `jobs.shares`); at the head of the line those whose model the worker holds come first. A job that
    was lost with a worker may be what ended it: it goes, alone, to a worker that is `idle`, so that it cannot take
    others with it again, and a worker that is not idle takes nothing until that has happened.

    SKIP LOCKED: many workers claim at once without waiting for each other or taking the same job.
    """
    named = {
        "worker_id": worker_id,
        "kind": kind,
        "resident": list(resident),
        "limit": limit,
        "by_age": by_age,
        "idle": idle,
        "lease": lease,
        "patience": PATIENCE,
        "now": clock.held,
    }
    claimed = select(Job).from_statement(CLAIM).execution_options(populate_existing=True)
    return list(session.scalars(claimed, named))


def renew(session: Session, clock: Clock, held: Sequence[Lease], *, lease: timedelta) -> dict[Lease, bool]:
    """Prolong the leases in a worker's hands; answers each and whether its job is asked to be cancelled.

    A lease missing from the answer is lost.
    """
    keys = tuple_(Job.id, Job.worker_id, Job.attempts)
    wanted = keys.in_([(one.job_id, one.worker_id, one.attempt) for one in held])
    mine = select(Job.id).where(wanted, Job.state == JobState.RUNNING).order_by(Job.id).with_for_update().cte("mine")
    renewed = (
        update(Job)
        .where(Job.id == mine.c.id)
        .values(lease_until=present(clock) + lease)
        .returning(Job.id, Job.worker_id, Job.attempts, Job.cancel_requested)
        .execution_options(synchronize_session=False)
    )
    return {Lease(job, worker or "", attempt): cancel for job, worker, attempt, cancel in session.execute(renewed)}


NOTE_PROGRESS = text("""
    WITH mine AS (
        SELECT id, moved.* FROM jobs
        JOIN unnest(CAST(:ids AS bigint[]), CAST(:workers AS text[]), CAST(:attempts AS bigint[]),
            CAST(:done AS bigint[]), CAST(:of AS bigint[]), CAST(:previews AS text[]))
            AS moved (job, worker, attempt, now_done, now_of, preview)
        ON id = job AND worker_id = worker AND attempts = attempt
        WHERE state = 'running' ORDER BY id FOR UPDATE OF jobs
    )
    UPDATE jobs SET step = now_done, steps = now_of, preview_key = coalesce(preview, preview_key)
    FROM mine WHERE jobs.id = mine.id
""")


def note_progress(session: Session, moved: Sequence[Progress]) -> None:
    """Write down how far jobs are, so that whoever looks later sees it; nothing for leases that are lost."""
    session.execute(
        NOTE_PROGRESS,
        {
            "ids": [one.lease.job_id for one in moved],
            "workers": [one.lease.worker_id for one in moved],
            "attempts": [one.lease.attempt for one in moved],
            "done": [one.step for one in moved],
            "of": [one.steps for one in moved],
            "previews": [one.preview_key for one in moved],
        },
    )


def close(session: Session, clock: Clock, lease: Lease, state: JobState, error: str | None = None) -> Job:
    """End the job in `state`. Raises LeaseLost when it is no longer this lease's to end."""
    job = _end(session, clock, _is_leased(lease), state, error)
    if job is None:
        raise _lost(lease)
    return job


def lock_leased(session: Session, lease: Lease) -> Job:
    """The job, kept from changing until the transaction ends. Raises LeaseLost."""
    found = select(Job).where(_is_leased(lease)).with_for_update().execution_options(populate_existing=True)
    job = session.scalars(found).one_or_none()
    if job is None:
        raise _lost(lease)
    return job


def lock(session: Session, job_id: int) -> Job:
    """The job as it is now, kept from changing until the transaction ends."""
    return session.scalars(
        select(Job).filter_by(id=job_id).with_for_update().execution_options(populate_existing=True)
    ).one()


def request_cancel(session: Session, job: Job) -> None:
    """Ask the worker of a locked, running job to stop; it looks when it is notified and at every heartbeat."""
    job.cancel_requested = True
    session.flush()
    notify(session, JOBS)


def end(session: Session, clock: Clock, job: Job, state: JobState, error: str | None = None) -> None:
    """Move a locked job to a final state."""
    _end(session, clock, Job.id == job.id, state, error)


def requeue(
    session: Session, clock: Clock, job: Job, *, suspect: bool, after: timedelta = timedelta(0), counts: bool = True
) -> None:
    """Give a locked, running job back to the queue, to be claimed when `after` has passed.

    One that is `suspect` is drawn alone: see `claim`. An attempt that does not count is as if it had never been.
    """
    session.execute(
        update(Job)
        .where(Job.id == job.id)
        .values(
            state=JobState.QUEUED,
            suspect=suspect,
            worker_id=None,
            lease_until=None,
            attempts=Job.attempts if counts else Job.attempts - 1,
            available_at=present(clock) + after,
        )
        .returning(Job)
        .execution_options(populate_existing=True)
    ).one()
    notify(session, JOBS)


def lock_expired(session: Session, clock: Clock, limit: int = 100) -> list[Job]:
    """Running jobs whose lease has run out. Locked: of several processes that look, one gets each."""
    expired = select(Job).where(Job.state == JobState.RUNNING, Job.lease_until < present(clock))
    return _locked(session, expired.order_by(Job.lease_until).limit(limit).with_for_update(skip_locked=True))


def lock_overdue(session: Session, clock: Clock, limit: int = 100) -> list[Job]:
    """Queued jobs that nobody waits for any longer. Locked as `lock_expired`."""
    overdue = select(Job).where(Job.state == JobState.QUEUED, Job.expires_at <= present(clock))
    return _locked(session, overdue.order_by(Job.expires_at).limit(limit).with_for_update(skip_locked=True))


def lock_jobs_of(session: Session, worker_id: str) -> list[Job]:
    """The running jobs of one worker, locked."""
    running = select(Job).where(Job.state == JobState.RUNNING, Job.worker_id == worker_id)
    return _locked(session, running.order_by(Job.id).with_for_update())


def lock_unfinished(session: Session, account_id: int) -> list[Job]:
    """The queued and running jobs of one account, oldest first, locked."""
    unfinished = Job.state.in_([JobState.QUEUED, JobState.RUNNING])
    mine = select(Job).where(Job.account_id == account_id, unfinished)
    return _locked(session, mine.order_by(Job.id).with_for_update())


def _locked(session: Session, jobs: Select[Job]) -> list[Job]:
    """By account, as money is locked: what ends these jobs one after the other then takes no lock out of turn."""
    found = session.scalars(jobs.execution_options(populate_existing=True))
    return sorted(found, key=lambda job: (job.account_id, job.id))


def _end(session: Session, clock: Clock, which: ColumnElement[bool], state: JobState, error: str | None) -> Job | None:
    ended = (
        update(Job)
        .where(which)
        .values(state=state, error=error, lease_until=None, finished_at=present(clock))
        .returning(Job)
        .execution_options(populate_existing=True)
    )
    return session.scalars(ended).one_or_none()


def _is_leased(lease: Lease) -> ColumnElement[bool]:
    same = (Job.id == lease.job_id) & (Job.worker_id == lease.worker_id) & (Job.attempts == lease.attempt)
    return same & (Job.state == JobState.RUNNING)


def _lost(lease: Lease) -> LeaseLost:
    return LeaseLost(f"Job {lease.job_id} is no longer leased to {lease.worker_id} for attempt {lease.attempt}.")
