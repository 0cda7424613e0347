"""The workers and their heartbeats."""

from collections.abc import Sequence

from sqlalchemy import exists, insert, select, update
from sqlalchemy.orm import Session

from easel.db.time import present
from easel.jobs.tables import WorkerRow
from easel.kit.clock import Clock


def register(
    session: Session, clock: Clock, worker_id: str, *, host: str, pid: int, device: str, checks_pictures: bool = False
) -> None:
    now = present(clock)
    session.execute(
        insert(WorkerRow).values(
            id=worker_id,
            host=host,
            pid=pid,
            device=device,
            resident=[],
            checks_pictures=checks_pictures,
            started_at=now,
            heartbeat_at=now,
        )
    )


def beat(session: Session, clock: Clock, worker_id: str, *, resident: Sequence[str]) -> None:
    session.execute(
        update(WorkerRow).where(WorkerRow.id == worker_id).values(heartbeat_at=present(clock), resident=list(resident))
    )


def mark_stopped(session: Session, clock: Clock, worker_id: str) -> None:
    still_there = update(WorkerRow).where(WorkerRow.id == worker_id, WorkerRow.stopped_at.is_(None))
    session.execute(still_there.values(stopped_at=present(clock)))


def can_check_pictures(session: Session) -> bool:
    """Whether any of those still at work has a safety checker."""
    return session.scalar(select(exists().where(WorkerRow.stopped_at.is_(None), WorkerRow.checks_pictures))) or False


def list_workers(session: Session) -> list[WorkerRow]:
    """Those still at work, the newest first."""
    at_work = select(WorkerRow).where(WorkerRow.stopped_at.is_(None))
    return list(session.scalars(at_work.order_by(WorkerRow.started_at.desc())))
