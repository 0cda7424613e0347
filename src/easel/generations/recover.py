"""Work that was not finished goes back to the queue where another try may help, and ends unpaid where it cannot.

A worker that is lost, a store that is away and memory that was short once may be better next time: such a job is tried
again, later each time and a few times in all. Weights that are broken stay broken: such a job fails at once
(`finish.fail`).
"""

from datetime import timedelta
from typing import Final

from sqlalchemy.orm import Session

from easel.generations.events import announce
from easel.generations.finish import end_unpaid
from easel.jobs import queue, workers
from easel.jobs.queue import Lease
from easel.jobs.states import JobState
from easel.jobs.tables import Job
from easel.kit.clock import Clock

FIRST_PAUSE: Final = timedelta(seconds=2)
LONGEST_PAUSE: Final = timedelta(minutes=1)


def try_again(session: Session, clock: Clock, lease: Lease, error: str, *, tries: int, alone: bool = False) -> bool:
    """The worker could not finish the job this time. After `tries` attempts it fails with `error` instead.

    `alone`: the next worker is to draw nothing else beside it. Answers whether it is tried again. Raises LeaseLost.
    """
    job = queue.lock_leased(session, lease)
    if job.cancel_requested or job.attempts >= min(tries, job.max_attempts):
        _end(session, clock, job, error)
        return False
    pause = min(FIRST_PAUSE * 2.0 ** (job.attempts - 1), LONGEST_PAUSE)
    queue.requeue(session, clock, job, suspect=job.suspect or alone, after=pause)
    announce(session, job.subject_id, "queued")
    return True


def take_back(session: Session, clock: Clock, worker_id: str) -> int:
    """The worker is known to be dead: give its jobs to others now. Answers how many it had."""
    workers.mark_stopped(session, clock, worker_id)
    lost = queue.lock_jobs_of(session, worker_id)
    for job in lost:
        _give_back(session, clock, job)
    return len(lost)


def hand_back(session: Session, clock: Clock, worker_id: str) -> None:
    """The worker stops on purpose: its jobs wait for another one, and the unfinished attempt does not count."""
    workers.mark_stopped(session, clock, worker_id)
    for job in queue.lock_jobs_of(session, worker_id):
        if job.cancel_requested:
            _end(session, clock, job)
        else:
            queue.requeue(session, clock, job, suspect=job.suspect, counts=False)
            announce(session, job.subject_id, "queued")


def recover_expired(session: Session, clock: Clock) -> int:
    """Give the jobs of silent workers to others. Any process may call this, as often as it likes."""
    expired = queue.lock_expired(session, clock)
    for job in expired:
        _give_back(session, clock, job)
    return len(expired)


def give_up_overdue(session: Session, clock: Clock) -> int:
    """Fail what has waited for longer than its customer wanted to. Any process may call this."""
    overdue = queue.lock_overdue(session, clock)
    for job in overdue:
        _end(session, clock, job, "No worker was free in the time that this request was to wait.")
    return len(overdue)


def _give_back(session: Session, clock: Clock, job: Job) -> None:
    if job.cancel_requested:
        _end(session, clock, job)
    elif job.attempts >= job.max_attempts:
        times = f"{job.attempts} times"
        _end(
            session,
            clock,
            job,
            f"This request was lost with its worker {times}; it is not tried again and costs nothing.",
        )
    else:
        queue.requeue(session, clock, job, suspect=True)
        announce(session, job.subject_id, "queued")


def _end(session: Session, clock: Clock, job: Job, error: str | None = None) -> None:
    """Cancelled if that was asked for, and failed otherwise."""
    if job.cancel_requested:
        queue.end(session, clock, job, JobState.CANCELLED)
    else:
        queue.end(session, clock, job, JobState.FAILED, error)
    end_unpaid(session, clock, job)
