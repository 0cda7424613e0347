"""All SQL of jobs. A reader who fears a race reads this file.

A running job belongs to its worker until the lease runs out. Everything a worker does to a job names its `Lease`, and
touches nothing when the job has meanwhile gone to somebody else: the attempt number tells the two apart even when the
same worker claimed it again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, true, tuple_, update
from sqlalchemy.orm import Session

from easel.db.notify import JOBS, notify
from easel.domain.errors import Conflict
from easel.jobs.states import JobState
from easel.jobs.tables import Job

PATIENCE = timedelta(seconds=30)
"""A job that has waited longer is taken in turn, whichever model it needs: nobody starves for a model that is cold."""

MAX_ATTEMPTS = 3
"""A job that was lost with its worker this often is not given to another one."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to work on a job: this worker, this attempt."""

    job_id: int
    worker_id: str
    attempt: int


class LeaseLost(Conflict):
    """The job has gone to another worker, or was cancelled; what was made of it must be thrown away."""


def enqueue(
    session: Session, *, kind: str, subject_id: int, account_id: int, model_id: str, priority: int, now: datetime
) -> Job:
    """Queue a job in the caller's transaction and wake the workers when it commits."""
    job = Job(
        kind=kind,
        subject_id=subject_id,
        account_id=account_id,
        model_id=model_id,
        state=JobState.QUEUED,
        priority=priority,
        attempts=0,
        max_attempts=MAX_ATTEMPTS,
        available_at=now,
        cancel_requested=False,
        created_at=now,
    )
    session.add(job)
    session.flush()
    notify(session, JOBS)
    return job


def job_of(session: Session, kind: str, subject_id: int) -> Job:
    return session.scalars(select(Job).filter_by(kind=kind, subject_id=subject_id)).one()


def count_unfinished(session: Session, account_id: int) -> int:
    """How many jobs of the account are queued or running."""
    unfinished = Job.state.in_([JobState.QUEUED, JobState.RUNNING])
    return session.scalar(select(func.count()).where(Job.account_id == account_id, unfinished)) or 0


def queue_position(session: Session, job: Job) -> int:
    """How many queued jobs stand before this one."""
    before = (Job.priority > job.priority) | ((Job.priority == job.priority) & (Job.id < job.id))
    return session.scalar(select(func.count()).where(Job.state == JobState.QUEUED, before)) or 0


def claim(
    session: Session,
    worker_id: str,
    *,
    kind: str,
    resident: Sequence[str],
    limit: int,
    idle: bool,
    lease: timedelta,
    now: datetime,
) -> list[Job]:
    """Lease up to `limit` queued jobs to the worker.

    First those that have waited longer than PATIENCE, then those whose model the worker holds, then the others; each by
    priority and age. A job that was lost with a worker before may be what ended it: it goes, alone, to a worker that is
    `idle`, so that it cannot take others with it again.
    """
    ready = select(Job).where(Job.kind == kind, Job.state == JobState.QUEUED, Job.available_at <= now)
    # SKIP LOCKED: many workers claim at once without waiting for each other or taking the same job.
    in_turn = ready.order_by(Job.priority.desc(), Job.id).with_for_update(skip_locked=True)
    suspects = list(session.scalars(in_turn.where(Job.attempts > 0).limit(1)))
    if suspects:
        jobs = suspects if idle else []
    else:
        jobs = list(session.scalars(in_turn.where(Job.created_at < now - PATIENCE).limit(limit)))
        for wanted in (Job.model_id.in_(resident), true()):
            more = in_turn.where(wanted, Job.id.not_in([job.id for job in jobs])).limit(limit - len(jobs))
            jobs += session.scalars(more) if len(jobs) < limit else ()
    for job in jobs:
        job.state = JobState.RUNNING
        job.worker_id = worker_id
        job.lease_until = now + lease
        job.attempts += 1
        job.started_at = now
    session.flush()
    return jobs


def renew(session: Session, held: Sequence[Lease], *, lease: timedelta, now: datetime) -> dict[Lease, bool]:
    """Prolong the leases in a worker's hands; answers each and whether its job is asked to be cancelled.

    A lease missing from the answer is lost.
    """
    keys = tuple_(Job.id, Job.worker_id, Job.attempts)
    renewed = (
        update(Job)
        .where(keys.in_([(one.job_id, one.worker_id, one.attempt) for one in held]), Job.state == JobState.RUNNING)
        .values(lease_until=now + lease)
        .returning(Job.id, Job.worker_id, Job.attempts, Job.cancel_requested)
    )
    return {Lease(job, worker or "", attempt): cancel for job, worker, attempt, cancel in session.execute(renewed)}


def close(session: Session, lease: Lease, state: JobState, now: datetime, error: str | None = None) -> Job:
    """End the job in `state`. Raises LeaseLost when it is no longer this lease's to end."""
    job = lock(session, lease.job_id)
    if (job.state, job.worker_id, job.attempts) != (JobState.RUNNING, lease.worker_id, lease.attempt):
        raise LeaseLost(f"Job {lease.job_id} is no longer leased to {lease.worker_id} for attempt {lease.attempt}.")
    end(session, job, state, now, error)
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


def end(session: Session, job: Job, state: JobState, now: datetime, error: str | None = None) -> None:
    """Move a locked job to a final state."""
    job.state = state
    job.error = error
    job.lease_until = None
    job.finished_at = now
    session.flush()


def requeue(session: Session, job: Job, *, available_at: datetime) -> None:
    """Give a locked, running job back to the queue."""
    job.state = JobState.QUEUED
    job.worker_id = None
    job.lease_until = None
    job.available_at = available_at
    session.flush()
    notify(session, JOBS)


def lock_expired(session: Session, now: datetime, limit: int = 100) -> list[Job]:
    """Running jobs whose lease has run out. Locked: of several processes that look, one gets each."""
    expired = select(Job).where(Job.state == JobState.RUNNING, Job.lease_until < now)
    return list(session.scalars(expired.order_by(Job.lease_until).limit(limit).with_for_update(skip_locked=True)))


def lock_jobs_of(session: Session, worker_id: str) -> list[Job]:
    """The running jobs of one worker, locked."""
    running = select(Job).where(Job.state == JobState.RUNNING, Job.worker_id == worker_id)
    return list(session.scalars(running.order_by(Job.id).with_for_update()))


def lock_unfinished(session: Session, account_id: int) -> list[Job]:
    """The queued and running jobs of one account, oldest first, locked."""
    unfinished = Job.state.in_([JobState.QUEUED, JobState.RUNNING])
    mine = select(Job).where(Job.account_id == account_id, unfinished)
    return list(session.scalars(mine.order_by(Job.id).with_for_update().execution_options(populate_existing=True)))
