"""The questions one may ask about generations. Answers are frozen plain data, good after the session is gone."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Float, Select, exists, func, literal_column, select, text
from sqlalchemy.orm import Session

from easel.artifacts.store import picture_key
from easel.artifacts.tables import Artifact
from easel.db.time import present
from easel.domain.errors import NotFound
from easel.domain.money import Micros
from easel.domain.request import GenerationRequest
from easel.generations.submit import GENERATE
from easel.generations.tables import Generation
from easel.jobs.queue import POSITION
from easel.jobs.states import JobState
from easel.jobs.tables import Job
from easel.kit.clock import Clock

LARGEST_ID = 2**63 - 1

UNKNOWN_SECONDS = 10.0
"""What a picture is said to take before this installation has drawn one with the model."""

LATEST_SECONDS = """SELECT avg(seconds) FROM (
    SELECT seconds FROM generations AS other WHERE other.model_id = {model} AND other.seconds IS NOT NULL
    ORDER BY other.id DESC LIMIT 20) AS latest"""
"""Mean seconds from claim to delivery of a model's latest deliveries here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationView:
    id: int
    uuid: str
    account_id: int
    model_id: str
    """Which was asked for: a LoRA that is named alone draws on the request's model."""
    state: JobState
    request: GenerationRequest
    quoted: Micros
    cost: Micros
    """What was paid: zero until it is done."""
    artifact_keys: list[str]
    """Where the pictures are, or will be."""
    temporary: bool
    expired: bool
    """Whether its pictures were deleted, because they were kept for as long as this installation keeps results."""
    error: str | None
    notes: list[str]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    seconds: float | None
    queue_position: int | None
    """How many jobs stand before it; None once it has left the queue."""
    eta_seconds: float
    attempt: int
    """How often a worker has begun it."""
    step: int
    """How many steps of this attempt are done, over all pictures, of `steps`; both zero before the first one."""
    steps: int
    preview_key: str | None
    """Where the newest preview is stored while it is drawn."""
    webhook: str | None
    track_id: str | int | None
    base_url: str
    details: dict[str, Any]

    @property
    def is_final(self) -> bool:
        return self.state.is_final


def get_view(session: Session, clock: Clock, account_id: int, generation_id: int) -> GenerationView:
    """Raises NotFound for an id that is not the account's."""
    mine = _seen(clock).where(Generation.id == generation_id, Generation.account_id == account_id)
    found = session.execute(mine).one_or_none() if _can_be_an_id(generation_id) else None
    if found is None:
        raise NotFound("Request not found")
    return _view(*found)


def view_by_id(session: Session, clock: Clock, generation_id: int) -> GenerationView:
    """For what acts in the name of whoever asked, such as its webhook."""
    return _view(*session.execute(_seen(clock).where(Generation.id == generation_id)).one())


def list_views(session: Session, clock: Clock, account_id: int, limit: int = 50) -> list[GenerationView]:
    """The account's newest first."""
    newest = _seen(clock).where(Generation.account_id == account_id).order_by(Generation.id.desc()).limit(limit)
    return [_view(*found) for found in session.execute(newest)]


def own_generation(session: Session, account_id: int, generation_id: int) -> Generation:
    """Raises NotFound: somebody else's generation is as unknown as one that never was."""
    mine = select(Generation).filter_by(id=generation_id, account_id=account_id)
    generation = session.scalars(mine).one_or_none() if _can_be_an_id(generation_id) else None
    if generation is None:
        raise NotFound("Request not found")
    return generation


def estimate_seconds(session: Session, model_id: str) -> float:
    """What a picture of the model takes here, by the latest ones."""
    return session.scalar(text(LATEST_SECONDS.format(model=":model")), {"model": model_id}) or UNKNOWN_SECONDS


def _can_be_an_id(number: int) -> bool:
    """A number that no id can be is one that PostgreSQL cannot even be asked for."""
    return 0 < number <= LARGEST_ID


def _seen(clock: Clock) -> Select[Generation, Job, int | None, float | None, bool, float | None]:
    """All that a view is made of, in one statement."""
    usual: ColumnElement[Any]
    usual = literal_column(f"({LATEST_SECONDS.format(model='generations.model_id')})", Float)
    expired = exists().where(Artifact.generation_id == Generation.id, Artifact.expired_at.is_not(None))
    since_claim: ColumnElement[Any]
    since_claim = func.extract("epoch", present(clock) - Job.started_at).cast(Float)
    columns = select(Generation, Job, POSITION, usual, expired, since_claim)
    # As it is now, whatever this session has seen before.
    return columns.join(Job, (Job.kind == GENERATE) & (Job.subject_id == Generation.id)).execution_options(
        populate_existing=True
    )


def _view(
    generation: Generation,
    job: Job,
    position: int | None,
    usual_seconds: float | None,
    expired: bool,
    since_claim: float | None,
) -> GenerationView:
    state = JobState(job.state)
    request = GenerationRequest.from_json(generation.request)
    return GenerationView(
        id=generation.id,
        uuid=generation.uuid,
        account_id=generation.account_id,
        model_id=generation.model_id,
        state=state,
        request=request,
        quoted=generation.quoted,
        cost=generation.captured or Micros(0),
        artifact_keys=[
            picture_key(generation.uuid, index, temporary=generation.temporary, format=request.extras.output_format)
            for index in range(request.samples)
        ],
        temporary=generation.temporary,
        expired=expired,
        error=job.error,
        notes=generation.notes,
        created_at=generation.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        seconds=generation.seconds,
        queue_position=position,
        eta_seconds=0.0 if state.is_final else _eta(usual_seconds or UNKNOWN_SECONDS, job, position, since_claim),
        attempt=job.attempts,
        step=job.step,
        steps=job.steps,
        preview_key=job.preview_key if state is JobState.RUNNING else None,
        webhook=generation.webhook,
        track_id=generation.track_id,
        base_url=generation.base_url,
        details=generation.details,
    )


def _eta(usual_seconds: float, job: Job, position: int | None, since_claim: float | None) -> float:
    """Seconds until delivery, by what the model took lately; never less than a moment, for clients sleep on it."""
    if position is not None or since_claim is None:
        remaining = usual_seconds * ((position or 0) + 1)
    elif job.step:
        remaining = since_claim * (job.steps - job.step) / job.step
    else:
        remaining = usual_seconds - since_claim
    return round(max(remaining, 0.25), 2)
