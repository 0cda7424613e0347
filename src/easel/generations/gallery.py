"""An account's own pictures, one by one, as it looks through them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from easel.artifacts.tables import Artifact
from easel.domain.errors import NotFound
from easel.domain.request import GenerationRequest
from easel.generations.queries import own_generation
from easel.generations.tables import Exhibit, Generation


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPicture:
    number: int
    """Of the picture itself; a page goes on before it."""
    generation_id: int
    index: int
    key: str
    width: int
    height: int
    model_id: str
    prompt: str
    seed: int
    thumbhash: str | None
    is_published: bool
    may_be_published: bool
    created_at: datetime


def own_pictures(
    session: Session,
    account_id: int,
    *,
    words: str = "",
    model_id: str | None = None,
    before: int | None = None,
    limit: int = 24,
) -> list[OwnPicture]:
    """The newest first; those whose prompts hold all of the words. `before` is a picture's number."""
    prompt = Generation.request["prompt"].astext
    mine = (
        select(Artifact, Generation, Exhibit.id)
        .join(Generation, Generation.id == Artifact.generation_id)
        .outerjoin(Exhibit, (Exhibit.generation_id == Artifact.generation_id) & (Exhibit.index == Artifact.index))
        .where(Generation.account_id == account_id, Artifact.expired_at.is_(None))
    )
    for word in words.split():
        mine = mine.where(prompt.icontains(word, autoescape=True))
    if model_id is not None:
        mine = mine.where(Generation.model_id == model_id)
    if before is not None:
        mine = mine.where(Artifact.id < before)
    rows = session.execute(mine.order_by(Artifact.id.desc()).limit(limit))
    return [_own(artifact, generation, exhibit) for artifact, generation, exhibit in rows]


def models_drawn_with(session: Session, account_id: int) -> Sequence[str]:
    named = select(Generation.model_id).where(Generation.account_id == account_id).distinct()
    return session.scalars(named.order_by(Generation.model_id)).all()


def own_picture(session: Session, account_id: int, generation_id: int, index: int) -> Artifact:
    """Raises NotFound for one that is not the account's, was deleted, or never was."""
    own_generation(session, account_id, generation_id)
    found = select(Artifact).filter_by(generation_id=generation_id, index=index, expired_at=None)
    picture = session.scalars(found).one_or_none() if 0 <= index < 2**31 else None
    if picture is None:
        raise NotFound("This picture is not here; it may have been deleted.")
    return picture


def _own(artifact: Artifact, generation: Generation, exhibit: int | None) -> OwnPicture:
    request = GenerationRequest.from_json(generation.request)
    return OwnPicture(
        number=artifact.id,
        generation_id=generation.id,
        index=artifact.index,
        key=artifact.key,
        width=artifact.width,
        height=artifact.height,
        model_id=generation.model_id,
        prompt=request.prompt,
        seed=artifact.seed,
        thumbhash=artifact.thumbhash,
        is_published=exhibit is not None,
        may_be_published=not request.extras.inputs and not generation.temporary,
        created_at=artifact.created_at,
    )
