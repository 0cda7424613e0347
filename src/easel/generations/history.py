"""What an account has drawn lately, for a strip of small pictures."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from easel.artifacts.tables import Artifact
from easel.catalogue.tables import Model
from easel.generations.queries import own_generation
from easel.generations.tables import Generation

LATEST: Final = 12


@dataclass(frozen=True, slots=True)
class Past:
    """A generation whose first picture is still there."""

    generation_id: int
    model: Model
    prompt: str
    width: int
    height: int


def latest_pictures(session: Session, account_id: int, limit: int = LATEST) -> list[Past]:
    """Newest first."""
    prompt = Generation.request["prompt"].as_string()
    drawn = select(Generation.id, Model, prompt, Artifact.width, Artifact.height)
    drawn = drawn.join(Artifact, (Artifact.generation_id == Generation.id) & (Artifact.index == 0))
    drawn = drawn.join(Model, Model.model_id == Generation.model_id)
    mine = drawn.where(Generation.account_id == account_id, Artifact.expired_at.is_(None))
    rows = session.execute(mine.order_by(Generation.id.desc()).limit(limit))
    return [Past(*row) for row in rows]


def key_of_first(session: Session, account_id: int, generation_id: int) -> str | None:
    """Where a generation's first picture is stored; None where it is not, or no longer.

    Raises NotFound for an id that is not the account's.
    """
    generation = own_generation(session, account_id, generation_id)
    first = select(Artifact.key).filter_by(generation_id=generation.id, index=0, expired_at=None)
    return session.scalar(first)
