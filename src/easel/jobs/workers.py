"""The workers and their heartbeats."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from easel.jobs.tables import WorkerRow


def register(session: Session, worker_id: str, *, host: str, pid: int, device: str, now: datetime) -> None:
    session.add(
        WorkerRow(id=worker_id, host=host, pid=pid, device=device, resident=[], started_at=now, heartbeat_at=now)
    )


def beat(session: Session, worker_id: str, *, resident: Sequence[str], now: datetime) -> None:
    session.execute(
        update(WorkerRow).where(WorkerRow.id == worker_id).values(heartbeat_at=now, resident=list(resident))
    )


def mark_stopped(session: Session, worker_id: str, now: datetime) -> None:
    session.execute(
        update(WorkerRow).where(WorkerRow.id == worker_id, WorkerRow.stopped_at.is_(None)).values(stopped_at=now)
    )


def list_workers(session: Session) -> list[WorkerRow]:
    """Those still at work, the newest first."""
    at_work = select(WorkerRow).where(WorkerRow.stopped_at.is_(None))
    return list(session.scalars(at_work.order_by(WorkerRow.started_at.desc())))
