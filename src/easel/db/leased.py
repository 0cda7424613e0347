"""Rows that are work: a process takes one in hand for a while, and somebody else does when it is heard of no more.

A row waits until it is claimed and is the claimer's while its lease lasts: one whose lease has run out is taken up
again from its beginning. Whoever writes down its end names the attempt, so that a process that was thought lost ends
nothing of another's. Pictures that are ordered have more to them, and a queue of their own: see jobs/queue.py.
"""

from datetime import datetime, timedelta
from typing import Final, TypeVar

from sqlalchemy import ColumnElement, Identity, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from easel.db.time import present
from easel.domain.errors import Conflict
from easel.kit.clock import Clock

LEASE: Final = timedelta(minutes=1)
MOST_ATTEMPTS: Final = 3
"""What was lost with its process this often is not tried again."""


class Leased:
    """Columns of a table of such rows."""

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    attempts: Mapped[int] = mapped_column(server_default="0")
    lease_until: Mapped[datetime | None]
    """Until when somebody has it in hand, unless they say so anew; None while it waits, and at its end."""
    error: Mapped[str | None]
    """Why it failed."""
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


Row = TypeVar("Row", bound=Leased)


def claim(session: Session, clock: Clock, table: type[Row]) -> Row | None:
    """The oldest that nobody has in hand, the caller's for LEASE. No two callers get the same one."""
    now = present(clock)
    free = (
        select(table.id)
        .where(table.finished_at.is_(None), table.attempts < MOST_ATTEMPTS)
        .where(table.lease_until.is_(None) | (table.lease_until < now))
        .order_by(table.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    claimed = (
        update(table)
        .where(table.id.in_(free))
        .values(attempts=table.attempts + 1, lease_until=now + LEASE)
        .returning(table)
        .execution_options(populate_existing=True)
    )
    return session.scalars(claimed).one_or_none()


def lost(session: Session, clock: Clock, table: type[Row]) -> list[Row]:
    """Those that nobody has in hand any more, and that have been tried often enough. Locked."""
    given_up = (
        select(table)
        .where(table.finished_at.is_(None), table.attempts >= MOST_ATTEMPTS)
        .where(table.lease_until.is_(None) | (table.lease_until < present(clock)))
        .with_for_update(skip_locked=True)
    )
    return list(session.scalars(given_up.execution_options(populate_existing=True)))


def renew(session: Session, clock: Clock, table: type[Leased], id: int, attempt: int) -> bool:
    """Prolong the lease; False when the row is no longer this attempt's."""
    renewed = update(table).where(_is_held(table, id, attempt)).values(lease_until=present(clock) + LEASE)
    mine = renewed.returning(table.id).execution_options(synchronize_session=False)
    return session.execute(mine).one_or_none() is not None


def lay_down(session: Session, table: type[Leased], id: int, attempt: int, *, counts: bool) -> None:
    """Let somebody else take it up at once. An attempt that does not count is as if it had never been."""
    session.execute(
        update(table)
        .where(_is_held(table, id, attempt))
        .values(lease_until=None, attempts=attempt if counts else attempt - 1)
        .execution_options(synchronize_session=False)
    )


def held(session: Session, table: type[Row], id: int, attempt: int) -> Row:
    """The row, kept from changing until the transaction ends. Raises Conflict when it is another attempt's."""
    row = session.scalars(select(table).where(_is_held(table, id, attempt)).with_for_update()).one_or_none()
    if row is None:
        raise Conflict(f"Number {id} is no longer in the hands of attempt {attempt}.")
    return row


def end(session: Session, clock: Clock, row: Leased, error: str | None = None) -> None:
    """Write down the end of a locked row."""
    row.finished_at, row.lease_until, row.error = clock.now(), None, error
    session.flush()


def _is_held(table: type[Leased], id: int, attempt: int) -> ColumnElement[bool]:
    return (table.id == id) & (table.attempts == attempt) & table.lease_until.is_not(None)
