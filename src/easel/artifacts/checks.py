"""Pictures that somebody wants to know about whether they are fit to be seen. A worker takes one up by db/leased."""

from datetime import timedelta
from typing import Final

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from easel.artifacts.tables import PictureCheck
from easel.kit.clock import Clock

KEPT: Final = timedelta(hours=1)
"""Long enough for who was told to ask again; then another worker, with another checker, may look."""


def begin(session: Session, clock: Clock, account_id: int, key: str) -> PictureCheck:
    written = insert(PictureCheck).values(account_id=account_id, key=key, created_at=clock.now())
    return session.scalars(written.returning(PictureCheck)).one()


def latest(session: Session, clock: Clock, account_id: int, key: str) -> PictureCheck | None:
    """What this account last asked about this picture, unless it failed or is kept no longer."""
    asked = select(PictureCheck).filter_by(account_id=account_id, key=key, error=None)
    kept = asked.where(PictureCheck.created_at > clock.now() - KEPT)
    return session.scalars(kept.order_by(PictureCheck.id.desc()).limit(1)).first()


def forget_old(session: Session, clock: Clock) -> None:
    session.execute(delete(PictureCheck).where(PictureCheck.created_at <= clock.now() - KEPT))
