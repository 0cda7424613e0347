"""The work of a worker that is gone goes back to the queue, unless it has taken too many workers with it."""

from sqlalchemy.orm import Session

from easel.generations.events import announce
from easel.generations.finish import end_unpaid
from easel.jobs import queue, workers
from easel.jobs.states import JobState
from easel.jobs.tables import Job
from easel.kit.clock import Clock


def take_back(session: Session, clock: Clock, worker_id: str) -> int:
    """The worker is known to be dead: give its jobs to others now. Answers how many it had."""
    workers.mark_stopped(session, worker_id, clock.now())
    lost = queue.lock_jobs_of(session, worker_id)
    for job in lost:
        _give_back(session, clock, job)
    return len(lost)


def hand_back(session: Session, clock: Clock, worker_id: str) -> None:
    """The worker stops on purpose: its jobs wait for another one, and the unfinished attempt does not count."""
    for job in queue.lock_jobs_of(session, worker_id):
        job.attempts -= 1
        _give_back(session, clock, job)


def recover_expired(session: Session, clock: Clock) -> int:
    """Give the jobs of silent workers to others. Any process may call this, as often as it likes."""
    expired = queue.lock_expired(session, clock.now())
    for job in expired:
        _give_back(session, clock, job)
    return len(expired)


def _give_back(session: Session, clock: Clock, job: Job) -> None:
    if job.cancel_requested:
        queue.end(session, job, JobState.CANCELLED, clock.now())
        end_unpaid(session, clock, job)
    elif job.attempts >= job.max_attempts:
        error = f"This request was lost with its worker {job.attempts} times; it is not tried again and costs nothing."
        queue.end(session, job, JobState.FAILED, clock.now(), error)
        end_unpaid(session, clock, job)
    else:
        queue.requeue(session, job, available_at=clock.now())
        announce(session, job.subject_id, "queued")
