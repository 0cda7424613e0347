"""Jobs, what happened to them, and the workers that do them."""

from datetime import datetime

from sqlalchemy import ARRAY, ForeignKey, Identity, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from easel.db.base import Base

WAITING = "state = 'queued' AND NOT suspect"
SUSPECT = "state = 'queued' AND suspect"


class Job(Base):
    __tablename__ = "jobs"
    __table_args__ = (
        UniqueConstraint("kind", "subject_id"),
        Index("ix_jobs_line", "kind", text("priority DESC"), "virtual_start", "id", postgresql_where=text(WAITING)),
        Index("ix_jobs_age", "kind", "created_at", "id", postgresql_where=text(WAITING)),
        Index("ix_jobs_suspect", "kind", "id", postgresql_where=text(SUSPECT)),
        Index("ix_jobs_expiry", "expires_at", postgresql_where=text("state = 'queued'")),
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
    """The class of its account's plan: a higher one goes first."""
    virtual_start: Mapped[float] = mapped_column(server_default="0")
    """Its place among the jobs of its class: see jobs/shares.py."""
    attempts: Mapped[int]
    max_attempts: Mapped[int]
    suspect: Mapped[bool] = mapped_column(server_default=text("false"))
    """It may be what ended its last worker, or needs all of one's memory: it is drawn alone."""
    available_at: Mapped[datetime]
    """Not before: the pause before another try."""
    expires_at: Mapped[datetime | None]
    """Whoever asked for it no longer waits after this, if it is still in the queue then."""
    worker_id: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    cancel_requested: Mapped[bool]
    step: Mapped[int] = mapped_column(server_default="0")
    """How many steps of this attempt are done, of `steps`; over all pictures."""
    steps: Mapped[int] = mapped_column(server_default="0")
    preview_key: Mapped[str | None]
    """Where the newest preview of this attempt is stored."""
    error: Mapped[str | None]
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class QueueShare(Base):
    """How much of the queue an account has had, in virtual time: see jobs/shares.py."""

    __tablename__ = "queue_shares"
    __table_args__ = (Index("ix_queue_shares_latest", "kind", "priority", "virtual_finish"),)

    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    priority: Mapped[int] = mapped_column(primary_key=True)
    virtual_finish: Mapped[float]


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
    checks_pictures: Mapped[bool] = mapped_column(server_default=text("false"))
    """Whether it has a safety checker."""
    started_at: Mapped[datetime]
    heartbeat_at: Mapped[datetime]
    stopped_at: Mapped[datetime | None]
