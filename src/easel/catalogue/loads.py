"""Models that are installed in the background because somebody asked for them. A worker takes one up by db/leased."""

from dataclasses import asdict, dataclass
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from easel.catalogue.tables import ModelLoad
from easel.domain.errors import Conflict
from easel.kit.clock import Clock


class LoadState(StrEnum):
    WAITING = "waiting"
    LOADING = "loading"
    LOADED = "loaded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be installed."""

    model_id: str
    kind: str
    source: str | None = None
    """`hf:OWNER/NAME` or the address of a file; None for the catalogue's own."""
    family: str | None = None
    """None: found out."""
    name: str | None = None
    """As people read it."""


def state_of(load: ModelLoad) -> LoadState:
    if load.finished_at is None:
        return LoadState.WAITING if load.lease_until is None else LoadState.LOADING
    return LoadState.FAILED if load.error else LoadState.LOADED


def wanted_of(load: ModelLoad) -> Wanted:
    return Wanted(**load.wanted)


def latest(session: Session, model_id: str) -> ModelLoad | None:
    """The last one that was asked for under this id."""
    return session.scalars(
        select(ModelLoad).filter_by(model_id=model_id).order_by(ModelLoad.id.desc()).limit(1)
    ).first()


def begin(session: Session, clock: Clock, account_id: int, wanted: Wanted, webhook: str | None) -> ModelLoad:
    """Raises Conflict when somebody else has begun one of the same id at the same moment."""
    written = insert(ModelLoad).values(
        model_id=wanted.model_id,
        account_id=account_id,
        wanted=asdict(wanted),
        webhook=webhook,
        created_at=clock.now(),
    )
    load = session.scalars(written.on_conflict_do_nothing().returning(ModelLoad)).one_or_none()
    if load is None:
        raise Conflict(f"{wanted.model_id} was asked for twice at the same moment; ask again")
    return load
