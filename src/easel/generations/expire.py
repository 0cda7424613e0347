"""Results are kept as long as the installation says, and temporary ones for a day."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import select, update

from easel.artifacts.blobs import BlobStore
from easel.artifacts.tables import Artifact
from easel.db.session import Database
from easel.generations.tables import Generation
from easel.kit.clock import Clock

TEMPORARY: Final = timedelta(hours=24)

AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Keep:
    """How long pictures are kept; None: for ever. Temporary ones are kept for TEMPORARY at most."""

    results: timedelta | None = None


def expire_results(database: Database, clock: Clock, blobs: BlobStore, keep: Keep) -> int:
    """Delete the pictures whose time is over and say so in their records; answers how many.

    The bytes go first: after a crash in between they are deleted once more, which does no harm. The record stays, so
    that who fetches the pictures is told why they are gone.
    """
    expired = 0
    while keys := _due(database, clock, keep):
        for key in keys:
            blobs.delete(key)
        with database.transaction() as session:
            session.execute(update(Artifact).where(Artifact.key.in_(keys)).values(expired_at=clock.now()))
        expired += len(keys)
    return expired


def _due(database: Database, clock: Clock, keep: Keep) -> list[str]:
    now = clock.now()
    kept = Artifact.expired_at.is_(None)
    oldest = select(Artifact.key).join(Generation, Generation.id == Artifact.generation_id).where(kept)
    oldest = oldest.order_by(Artifact.created_at).limit(AT_ONCE)
    with database.transaction() as session:
        due = list(session.scalars(oldest.where(Generation.temporary, Artifact.created_at <= now - TEMPORARY)))
        if keep.results is not None:
            due += session.scalars(oldest.where(Artifact.created_at <= now - keep.results))
    return list(dict.fromkeys(due))
