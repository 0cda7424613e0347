"""The end of a generation, whichever it is: money, job, record, webhook and news in one transaction.

`finish` and `fail` are the worker's and name its lease: a worker that lost the job changes nothing (LeaseLost).
"""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from easel.artifacts import store
from easel.artifacts.store import StoredPicture
from easel.billing import ledger
from easel.billing.pricing import Quote
from easel.domain.money import Micros
from easel.generations.events import Event, announce
from easel.generations.tables import Generation
from easel.jobs import queue
from easel.jobs.queue import Lease
from easel.jobs.states import JobState
from easel.jobs.tables import Job
from easel.kit.clock import Clock
from easel.webhooks import outbox


def finish(
    session: Session,
    clock: Clock,
    lease: Lease,
    pictures: Sequence[StoredPicture],
    *,
    notes: Sequence[str] = (),
    flagged: Sequence[int] = (),
) -> Generation:
    """The pictures are delivered: record them, capture the hold, close the job.

    `flagged` are the numbers of those that cost nothing, because something else was delivered in their place.
    """
    job = queue.close(session, clock, lease, JobState.DONE)
    generation = generation_of(session, job)
    store.record(session, generation.id, pictures, clock.now())
    price = Quote(generation.quoted, generation.per_picture, generation.included)
    cost = price.for_delivered(len(pictures) - len(flagged))
    ledger.capture(session, clock, generation.hold_id, cost)
    generation.captured = cost
    generation.notes = list(notes)
    generation.flagged = list(flagged)
    if job.started_at and job.finished_at:
        generation.seconds = (job.finished_at - job.started_at).total_seconds()
    _close(session, clock, generation, "done")
    return generation


def fail(session: Session, clock: Clock, lease: Lease, error: str) -> Generation:
    """The generation ends without pictures and costs nothing."""
    job = queue.close(session, clock, lease, JobState.FAILED, error)
    return end_unpaid(session, clock, job)


def end_unpaid(session: Session, clock: Clock, job: Job) -> Generation:
    """Give the hold back for a job that has just failed or been cancelled."""
    generation = generation_of(session, job)
    ledger.release(session, clock, generation.hold_id)
    generation.captured = Micros(0)
    _close(session, clock, generation, "cancelled" if job.state == JobState.CANCELLED else "failed")
    return generation


def generation_of(session: Session, job: Job) -> Generation:
    return session.scalars(select(Generation).filter_by(id=job.subject_id)).one()


def _close(session: Session, clock: Clock, generation: Generation, event: Event) -> None:
    session.flush()
    if generation.webhook:
        # Its body is the dialect's to write, when it is sent.
        outbox.enqueue(session, clock, generation.account_id, generation.webhook, generation_id=generation.id)
    announce(session, generation.id, event)
