"""Stop a generation: at once while it waits, at the next step while it is drawn."""

from sqlalchemy.orm import Session

from easel.generations.finish import end_unpaid
from easel.generations.queries import own_generation
from easel.generations.submit import GENERATE
from easel.jobs import queue
from easel.jobs.queue import Lease
from easel.jobs.states import JobState
from easel.kit.clock import Clock


def cancel(session: Session, clock: Clock, account_id: int, generation_id: int) -> None:
    """Ask for the end of the account's generation. One that has ended stays as it ended. Raises NotFound."""
    generation = own_generation(session, account_id, generation_id)
    job = queue.lock(session, queue.job_of(session, GENERATE, generation.id).id)
    if job.state == JobState.QUEUED:
        queue.end(session, clock, job, JobState.CANCELLED)
        end_unpaid(session, clock, job)
    elif job.state == JobState.RUNNING:
        queue.request_cancel(session, job)


def cancel_all(session: Session, clock: Clock, account_id: int) -> int:
    """All that the account has not got yet; answers how many."""
    # All jobs before any money, as whoever finishes a job locks them: otherwise each could wait for the other.
    unfinished = [job for job in queue.lock_unfinished(session, account_id) if job.kind == GENERATE]
    for job in unfinished:
        cancel(session, clock, account_id, job.subject_id)
    return len(unfinished)


def confirm_cancelled(session: Session, clock: Clock, lease: Lease) -> None:
    """The worker has stopped drawing. Raises LeaseLost."""
    end_unpaid(session, clock, queue.close(session, clock, lease, JobState.CANCELLED))
