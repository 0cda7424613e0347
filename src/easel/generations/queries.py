"""The questions one may ask about generations. Answers are frozen plain data, good after the session is gone."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from easel.artifacts.store import picture_key
from easel.domain.errors import NotFound
from easel.domain.money import Micros
from easel.domain.request import GenerationRequest
from easel.generations.submit import GENERATE
from easel.generations.tables import Generation
from easel.jobs import queue
from easel.jobs.states import JobState
from easel.jobs.tables import Job
from easel.kit.clock import Clock

LARGEST_ID = 2**63 - 1

UNKNOWN_SECONDS = 10.0
"""What a picture is said to take before this installation has drawn one with the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationView:
    id: int
    uuid: str
    account_id: int
    state: JobState
    request: GenerationRequest
    quoted: Micros
    cost: Micros
    """What was paid: zero until it is done."""
    artifact_keys: list[str]
    """Where the pictures are, or will be."""
    temporary: bool
    error: str | None
    notes: list[str]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    seconds: float | None
    queue_position: int | None
    """How many jobs stand before it; None once it has left the queue."""
    eta_seconds: float
    webhook: str | None
    track_id: str | int | None
    details: dict[str, Any]

    @property
    def is_final(self) -> bool:
        return self.state.is_final


def get_view(session: Session, clock: Clock, account_id: int, generation_id: int) -> GenerationView:
    """Raises NotFound for an id that is not the account's."""
    generation = own_generation(session, account_id, generation_id)
    return _view(session, clock, generation, queue.job_of(session, GENERATE, generation.id))


def list_views(session: Session, clock: Clock, account_id: int, limit: int = 50) -> list[GenerationView]:
    """The account's newest first."""
    joined = select(Generation, Job).join(Job, (Job.kind == GENERATE) & (Job.subject_id == Generation.id))
    newest = joined.where(Generation.account_id == account_id).order_by(Generation.id.desc()).limit(limit)
    return [_view(session, clock, generation, job) for generation, job in session.execute(newest)]


def own_generation(session: Session, account_id: int, generation_id: int) -> Generation:
    """Raises NotFound: somebody else's generation is as unknown as one that never was."""
    mine = select(Generation).filter_by(id=generation_id, account_id=account_id)
    # A number that no id can be is one that PostgreSQL cannot even be asked for.
    generation = session.scalars(mine).one_or_none() if 0 < generation_id <= LARGEST_ID else None
    if generation is None:
        raise NotFound("Request not found")
    return generation


def estimate_seconds(session: Session, model_id: str) -> float:
    """Mean seconds from claim to delivery of the model's latest deliveries here."""
    latest = (
        select(Generation.seconds)
        .where(Generation.model_id == model_id, Generation.seconds.is_not(None))
        .order_by(Generation.id.desc())
        .limit(20)
        .subquery()
    )
    return session.scalar(select(func.avg(latest.c.seconds))) or UNKNOWN_SECONDS


def _view(session: Session, clock: Clock, generation: Generation, job: Job) -> GenerationView:
    state = JobState(job.state)
    request = GenerationRequest.from_json(generation.request)
    position = queue.queue_position(session, job) if state is JobState.QUEUED else None
    return GenerationView(
        id=generation.id,
        uuid=generation.uuid,
        account_id=generation.account_id,
        state=state,
        request=request,
        quoted=generation.quoted,
        cost=generation.captured or Micros(0),
        artifact_keys=[
            picture_key(generation.uuid, index, temporary=generation.temporary) for index in range(request.samples)
        ],
        temporary=generation.temporary,
        error=job.error,
        notes=generation.notes,
        created_at=generation.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        seconds=generation.seconds,
        queue_position=position,
        eta_seconds=0.0 if state.is_final else _eta(session, clock, generation, job, position),
        webhook=generation.webhook,
        track_id=generation.track_id,
        details=generation.details,
    )


def _eta(session: Session, clock: Clock, generation: Generation, job: Job, position: int | None) -> float:
    """Seconds until delivery, by what the model took lately; never less than a moment, for clients sleep on it."""
    each = estimate_seconds(session, generation.model_id)
    if position is None and job.started_at:
        remaining = each - (clock.now() - job.started_at).total_seconds()
    else:
        remaining = each * ((position or 0) + 1)
    return round(max(remaining, 0.25), 2)
