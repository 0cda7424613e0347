"""Models that are installed in the background because somebody asked for them. A worker takes one up by db/leased."""

from dataclasses import asdict, dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, aliased

from easel.catalogue.tables import Model, ModelLoad
from easel.domain.errors import Conflict
from easel.kit.clock import Clock

KEPT: Final = timedelta(days=30)
"""After its end; the last one of a model that was loaded is kept for good, for it is what a repeated request hears."""

REPLACED_KEPT: Final = timedelta(days=1)
"""Weights that another load took the place of: pictures that were begun with them have been drawn by then."""


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


def with_replaced(session: Session, clock: Clock) -> list[ModelLoad]:
    """Those that took the place of weights so long ago that these may go. Locked."""
    due = select(ModelLoad).where(ModelLoad.replaced.is_not(None), ModelLoad.finished_at <= clock.now() - REPLACED_KEPT)
    return list(session.scalars(due.with_for_update(skip_locked=True)))


def are_used(session: Session, weights: str) -> bool:
    """Whether any model of the catalogue has these weights, be it off offer."""
    having = select(Model.model_id).where((Model.weights == weights) | (Model.withdrawn == weights))
    return session.scalars(having.limit(1)).first() is not None


def forget_old(session: Session, clock: Clock) -> None:
    newer = aliased(ModelLoad)
    is_superseded = select(newer.id).where(newer.model_id == ModelLoad.model_id, newer.id > ModelLoad.id).exists()
    session.execute(
        delete(ModelLoad)
        .where(ModelLoad.finished_at <= clock.now() - KEPT, ModelLoad.replaced.is_(None))
        .where(ModelLoad.error.is_not(None) | is_superseded)
        .execution_options(synchronize_session=False)
    )
