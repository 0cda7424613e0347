"""Models that are installed in the background because somebody asked for them. All SQL about them is here.

A load waits until a worker claims it, and is that worker's while its lease lasts: one whose lease has run out is taken
up again from its beginning. Whoever writes down its end names the attempt, so that a worker that was thought lost ends
nothing that is another's by now.
"""

from dataclasses import asdict, dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from easel.catalogue.tables import ModelLoad
from easel.db.time import present
from easel.domain.errors import Conflict
from easel.kit.clock import Clock

LEASE: Final = timedelta(minutes=1)
MOST_ATTEMPTS: Final = 3
"""What was lost with its worker this often is not tried again."""


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


def claim(session: Session, clock: Clock) -> ModelLoad | None:
    """The oldest that nobody has in hand, the caller's for LEASE. No two callers get the same one."""
    now = present(clock)
    free = (
        select(ModelLoad.id)
        .where(ModelLoad.finished_at.is_(None), ModelLoad.attempts < MOST_ATTEMPTS)
        .where(ModelLoad.lease_until.is_(None) | (ModelLoad.lease_until < now))
        .order_by(ModelLoad.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    claimed = (
        update(ModelLoad)
        .where(ModelLoad.id.in_(free))
        .values(attempts=ModelLoad.attempts + 1, lease_until=now + LEASE)
        .returning(ModelLoad)
        .execution_options(populate_existing=True)
    )
    return session.scalars(claimed).one_or_none()


def lost(session: Session, clock: Clock) -> list[ModelLoad]:
    """Those that nobody has in hand any more, and that have been tried often enough. Locked."""
    given_up = (
        select(ModelLoad)
        .where(ModelLoad.finished_at.is_(None), ModelLoad.attempts >= MOST_ATTEMPTS)
        .where(ModelLoad.lease_until.is_(None) | (ModelLoad.lease_until < present(clock)))
        .with_for_update(skip_locked=True)
    )
    return list(session.scalars(given_up.execution_options(populate_existing=True)))


def renew(session: Session, clock: Clock, load_id: int, attempt: int) -> bool:
    """Prolong the lease; False when the load is no longer this attempt's."""
    renewed = update(ModelLoad).where(_is_held(load_id, attempt)).values(lease_until=present(clock) + LEASE)
    mine = renewed.returning(ModelLoad.id).execution_options(synchronize_session=False)
    return session.execute(mine).one_or_none() is not None


def lay_down(session: Session, load_id: int, attempt: int, *, counts: bool) -> None:
    """Let somebody else take it up at once. An attempt that does not count is as if it had never been."""
    session.execute(
        update(ModelLoad)
        .where(_is_held(load_id, attempt))
        .values(lease_until=None, attempts=attempt if counts else attempt - 1)
        .execution_options(synchronize_session=False)
    )


def held(session: Session, load_id: int, attempt: int) -> ModelLoad:
    """The load, kept from changing until the transaction ends. Raises Conflict when it is another attempt's."""
    load = session.scalars(select(ModelLoad).where(_is_held(load_id, attempt)).with_for_update()).one_or_none()
    if load is None:
        raise Conflict(f"Load {load_id} is no longer in the hands of attempt {attempt}.")
    return load


def end(session: Session, clock: Clock, load: ModelLoad, error: str | None) -> None:
    """Write down the end of a locked load."""
    load.finished_at, load.lease_until, load.error = clock.now(), None, error
    session.flush()


def _is_held(load_id: int, attempt: int) -> ColumnElement[bool]:
    return (ModelLoad.id == load_id) & (ModelLoad.attempts == attempt) & ModelLoad.lease_until.is_not(None)
