"""The end of a generation, whichever it is: money, job, record, webhook and news in one transaction.

`finish` and `fail` are the worker's and name its lease: a worker that lost the job changes nothing (LeaseLost).
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from easel.artifacts import store
from easel.artifacts.links import LinkSigner
from easel.artifacts.store import StoredPicture
from easel.billing import ledger
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
    links: LinkSigner,
    notes: Sequence[str] = (),
) -> Generation:
    """The pictures are delivered: record them, capture the hold, close the job."""
    now = clock.now()
    job = queue.close(session, lease, JobState.DONE, now)
    generation = generation_of(session, job)
    store.record(session, generation.id, pictures, now)
    ledger.capture(session, clock, generation.hold_id, Micros(generation.quoted))
    generation.captured = Micros(generation.quoted)
    generation.notes = list(notes)
    if job.started_at:
        generation.seconds = (now - job.started_at).total_seconds()
    body = {
        "output": [generation.base_url + links.path(picture.key) for picture in pictures],
        "meta": generation.request,
    }
    _close(session, clock, generation, job, "done", body)
    return generation


def fail(session: Session, clock: Clock, lease: Lease, error: str) -> Generation:
    """The generation ends without pictures and costs nothing."""
    job = queue.close(session, lease, JobState.FAILED, clock.now(), error)
    return end_unpaid(session, clock, job)


def end_unpaid(session: Session, clock: Clock, job: Job) -> Generation:
    """Give the hold back for a job that has just failed or been cancelled."""
    generation = generation_of(session, job)
    ledger.release(session, clock, generation.hold_id)
    generation.captured = Micros(0)
    event = "cancelled" if job.state == JobState.CANCELLED else "failed"
    _close(session, clock, generation, job, event, {"message": job.error or "Cancelled on request."})
    return generation


def generation_of(session: Session, job: Job) -> Generation:
    return session.scalars(select(Generation).filter_by(id=job.subject_id)).one()


def _close(
    session: Session, clock: Clock, generation: Generation, job: Job, event: Event, webhook_body: dict[str, Any]
) -> None:
    session.flush()
    if generation.webhook:
        body = {
            "status": "success" if event == "done" else "failed",
            "id": generation.id,
            "generationTime": generation.seconds,
            "track_id": generation.track_id,
            **webhook_body,
        }
        outbox.enqueue(session, clock, generation.account_id, generation.webhook, body)
    announce(session, generation.id, event)
