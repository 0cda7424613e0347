"""The questions one may ask about generations. Answers are frozen plain data, good after the session is gone."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from easel.artifacts.store import picture_key
from easel.db.direct import direct
from easel.domain.errors import NotFound
from easel.domain.money import Micros
from easel.domain.request import GenerationRequest
from easel.generations.tables import Generation
from easel.jobs.queue import POSITION
from easel.jobs.states import JobState
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
    """Whether all its pictures were deleted: by whoever owns them, or because they were kept as long as is set here."""
    error: str | None
    notes: list[str]
    flagged: list[int]
    """Numbers, from 0, of the pictures that were found unfit to be seen, and replaced."""
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    seconds: float | None
    queue_position: int | None
    """How many jobs stand before it; None once it has left the queue."""
    eta_seconds: float
    attempt: int
    """How often a worker has begun it."""
    move: int
    """The number of the job's last move: it grows with each, and what it led to is what all else here says."""
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


SEEN: Final = f"""
    SELECT generations.*, jobs.state, jobs.error, jobs.started_at, jobs.finished_at, jobs.attempts,
        jobs.step, jobs.steps, jobs.preview_key, {POSITION} AS queue_position,
        (SELECT max(id) FROM job_events WHERE job_id = jobs.id) AS move,
        ({LATEST_SECONDS.format(model="generations.model_id")}) AS usual_seconds,
        (SELECT bool_and(expired_at IS NOT NULL) FROM artifacts
            WHERE generation_id = generations.id) IS TRUE AS expired,
        extract(epoch FROM now - jobs.started_at)::float AS since_claim
    FROM coalesce(%(now)s::timestamptz, statement_timestamp()) AS now, generations
    JOIN jobs ON jobs.kind = 'generate' AND jobs.subject_id = generations.id
"""
"""All that a view is made of, in one statement."""


def get_view(session: Session, clock: Clock, account_id: int, generation_id: int) -> GenerationView:
    """Raises NotFound for an id that is not the account's."""
    mine = SEEN + "WHERE generations.id = %(id)s AND generations.account_id = %(account_id)s"
    named = {"now": clock.held, "id": generation_id, "account_id": account_id}
    found = direct(session, mine, named) if _can_be_an_id(generation_id) else []
    if not found:
        raise NotFound("Request not found")
    return seen(found[0])


def view_by_id(session: Session, clock: Clock, generation_id: int) -> GenerationView:
    """For what acts in the name of whoever asked, such as its webhook."""
    [found] = direct(session, SEEN + "WHERE generations.id = %(id)s", {"now": clock.held, "id": generation_id})
    return seen(found)


def list_views(session: Session, clock: Clock, account_id: int, limit: int = 50) -> list[GenerationView]:
    """The account's newest first."""
    newest = SEEN + "WHERE generations.account_id = %(account_id)s ORDER BY generations.id DESC LIMIT %(limit)s"
    named = {"now": clock.held, "account_id": account_id, "limit": limit}
    return [seen(found) for found in direct(session, newest, named)]


def list_unfinished(session: Session, clock: Clock, account_id: int) -> list[GenerationView]:
    """What the account has in hand: its oldest first, which is the next to be drawn."""
    open_ones = SEEN + (
        "WHERE generations.account_id = %(account_id)s AND jobs.state IN ('queued', 'running') ORDER BY generations.id"
    )
    return [seen(found) for found in direct(session, open_ones, {"now": clock.held, "account_id": account_id})]


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


def seen(row: Any) -> GenerationView:
    """What a row of SEEN says."""
    state = JobState(row.state)
    request = GenerationRequest.from_json(row.request)
    return GenerationView(
        id=row.id,
        uuid=row.uuid,
        account_id=row.account_id,
        model_id=row.model_id,
        state=state,
        request=request,
        quoted=Micros(row.quoted),
        cost=Micros(row.captured or 0),
        artifact_keys=[
            picture_key(row.uuid, index, temporary=row.temporary, format=request.extras.output_format)
            for index in range(request.samples)
        ],
        temporary=row.temporary,
        expired=row.expired,
        error=row.error,
        notes=row.notes,
        flagged=row.flagged,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        seconds=row.seconds,
        queue_position=row.queue_position,
        eta_seconds=0.0 if state.is_final else _eta(row),
        attempt=row.attempts,
        move=row.move,
        step=row.step,
        steps=row.steps,
        preview_key=row.preview_key if state is JobState.RUNNING else None,
        webhook=row.webhook,
        track_id=row.track_id,
        base_url=row.base_url,
        details=row.details,
    )


def _eta(row: Any) -> float:
    """Seconds until delivery, by what the model took lately; never less than a moment, for clients sleep on it."""
    usual = row.usual_seconds or UNKNOWN_SECONDS
    if row.queue_position is not None or row.since_claim is None:
        remaining = usual * ((row.queue_position or 0) + 1)
    elif row.step:
        remaining = row.since_claim * (row.steps - row.step) / row.step
    else:
        remaining = usual - row.since_claim
    return round(max(remaining, 0.25), 2)
