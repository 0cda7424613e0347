"""What is to be done and by whom, for operators who look."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from easel.jobs.states import JobState
from easel.jobs.tables import Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    queued: int
    running: int
    suspect: int
    """Of the queued ones, those that are drawn alone because a worker was lost with them."""
    oldest: datetime | None
    """When the one was made that has waited longest."""


def backlog(session: Session) -> Backlog:
    queued, running = Job.state == JobState.QUEUED, Job.state == JobState.RUNNING
    counts = select(
        func.count().filter(queued),
        func.count().filter(running),
        func.count().filter(queued & Job.suspect),
        func.min(Job.created_at).filter(queued),
    ).where(queued | running)
    waiting, drawn, suspect, oldest = session.execute(counts).one()
    return Backlog(queued=waiting, running=drawn, suspect=suspect, oldest=oldest)


def unfinished(session: Session, limit: int = 50) -> Sequence[Job]:
    """What is being drawn, then what is next in line."""
    line = (Job.state, Job.suspect.desc(), Job.priority.desc(), Job.virtual_start, Job.id)
    open_ones = select(Job).where(Job.state.in_([JobState.RUNNING, JobState.QUEUED]))
    return session.scalars(open_ones.order_by(line[0].desc(), *line[1:]).limit(limit)).all()


def running_of_each(session: Session) -> dict[str, int]:
    """How many jobs each worker has in hand."""
    rows = session.execute(
        select(Job.worker_id, func.count()).where(Job.state == JobState.RUNNING).group_by(Job.worker_id)
    )
    return {worker: count for worker, count in rows if worker is not None}
