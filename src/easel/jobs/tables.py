"""Jobs, what happened to them, and the workers that do them."""

from datetime import datetime

from sqlalchemy import ARRAY, ForeignKey, Identity, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from easel.db.base import Base


class Job(Base):
    __tablename__ = "jobs"
    __table_args__ = (
        UniqueConstraint("kind", "subject_id"),
        Index("ix_jobs_queue", text("priority DESC"), "id", postgresql_where=text("state = 'queued'")),
        Index("ix_jobs_lease", "lease_until", postgresql_where=text("state = 'running'")),
        Index("ix_jobs_unfinished", "account_id", postgresql_where=text("state IN ('queued', 'running')")),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    kind: Mapped[str]
    """What is to be done: `generate`."""
    subject_id: Mapped[int]
    """The row the job is about; for `generate` a generation."""
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    model_id: Mapped[str]
    """Which weights the job needs: a worker that has them resident takes it first."""
    state: Mapped[str]
    priority: Mapped[int]
    attempts: Mapped[int]
    max_attempts: Mapped[int]
    available_at: Mapped[datetime]
    worker_id: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    cancel_requested: Mapped[bool]
    error: Mapped[str | None]
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class JobEvent(Base):
    """One row for each move, written by the trigger that guards the moves."""

    __tablename__ = "job_events"
    __table_args__ = (Index(None, "job_id"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    job_id: Mapped[int] = mapped_column(ForeignKey("jobs.id"))
    from_state: Mapped[str | None]
    to_state: Mapped[str]
    worker_id: Mapped[str | None]
    at: Mapped[datetime] = mapped_column(server_default=text("clock_timestamp()"))


class JobMove(Base):
    """The legal moves, for the trigger."""

    __tablename__ = "job_moves"

    from_state: Mapped[str] = mapped_column(primary_key=True)
    to_state: Mapped[str] = mapped_column(primary_key=True)


class WorkerRow(Base):
    """A worker process and when it was last heard of."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(primary_key=True)
    host: Mapped[str]
    pid: Mapped[int]
    device: Mapped[str]
    resident: Mapped[list[str]] = mapped_column(ARRAY(Text))
    """Model ids whose weights it holds."""
    started_at: Mapped[datetime]
    heartbeat_at: Mapped[datetime]
    stopped_at: Mapped[datetime | None]
