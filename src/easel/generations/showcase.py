"""What people show of their pictures: published by their owner, taken down by the owner or an operator."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from easel.accounts.roles import is_operator
from easel.accounts.tables import Account
from easel.artifacts.store import artifacts_of
from easel.artifacts.tables import Artifact
from easel.artifacts.thumbnails import StoredThumbnail
from easel.domain.errors import Conflict, NotFound
from easel.domain.request import GenerationRequest
from easel.generations.queries import own_generation
from easel.generations.tables import Exhibit, Generation
from easel.kit.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A published picture and how it was drawn. Whose it is, nobody is told."""

    generation_id: int
    index: int
    model_id: str
    key: str
    thumbnail_key: str
    thumbhash: str
    width: int
    height: int
    request: GenerationRequest
    published_at: datetime

    @property
    def seed(self) -> int:
        return self.request.seed_of(self.index)


def publishable(session: Session, account: Account, generation_id: int, index: int) -> str:
    """The key of a picture that the account may publish, for `artifacts.thumbnails.store_thumbnail`.

    Raises NotFound for a picture that is not the account's, Conflict for one that begins from another (which somebody
    else may have made) and for one that is kept for a day only or no longer.
    """
    generation = own_generation(session, account.id, generation_id)
    picture = _picture(session, generation_id, index)
    request = GenerationRequest.from_json(generation.request)
    if request.extras.inputs:
        raise Conflict("Only pictures that were drawn from words alone can be published; this one began from another.")
    if generation.temporary or picture.expired_at is not None:
        raise Conflict("This picture is not kept here, so it cannot be shown; draw it again with the same seed.")
    return picture.key


def publish(
    session: Session, clock: Clock, account: Account, generation_id: int, index: int, stored: StoredThumbnail
) -> None:
    """Show a picture with its prompt on the page of its model. Once more changes nothing. Raises as `publishable`."""
    publishable(session, account, generation_id, index)
    model_id = own_generation(session, account.id, generation_id).model_id
    session.execute(
        insert(Exhibit)
        .values(
            generation_id=generation_id,
            index=index,
            model_id=model_id,
            key=stored.key,
            thumbnail_key=stored.thumbnail_key,
            thumbhash=stored.thumbhash,
            width=stored.width,
            height=stored.height,
            published_at=clock.now(),
        )
        .on_conflict_do_nothing(index_elements=["generation_id", "index"])
    )


def unpublish(session: Session, account: Account, generation_id: int, index: int) -> list[str]:
    """Take a picture off its page; the keys of its copies are left, to be deleted after the commit.

    One that is not shown is as well. Raises NotFound for somebody else's, unless the account is an operator.
    """
    if not is_operator(account):
        own_generation(session, account.id, generation_id)
    exhibit = session.scalars(select(Exhibit).filter_by(generation_id=generation_id, index=index)).one_or_none()
    if exhibit is None:
        return []
    session.delete(exhibit)
    session.flush()
    # Two pictures may be the same to the last bit, and then share their copies.
    still_shown = session.scalar(select(Exhibit.id).filter_by(key=exhibit.key).limit(1))
    return [] if still_shown else [exhibit.key, exhibit.thumbnail_key]


def published(session: Session, generation_id: int) -> frozenset[int]:
    """Which pictures of a generation are shown, by their index."""
    return frozenset(session.scalars(select(Exhibit.index).filter_by(generation_id=generation_id)))


def showcase_of(session: Session, model_id: str, limit: int = 24) -> list[Shown]:
    """The newest first."""
    newest = select(Exhibit, Generation.request).join(Generation, Generation.id == Exhibit.generation_id)
    rows = session.execute(newest.where(Exhibit.model_id == model_id).order_by(Exhibit.id.desc()).limit(limit))
    return [_shown(row) for row in rows]


def newest_of_each(session: Session, model_ids: Sequence[str]) -> dict[str, Shown]:
    """For each model that shows a picture, the newest."""
    newest = select(func.max(Exhibit.id)).where(Exhibit.model_id.in_(model_ids)).group_by(Exhibit.model_id)
    rows = select(Exhibit, Generation.request).join(Generation, Generation.id == Exhibit.generation_id)
    found = session.execute(rows.where(Exhibit.id.in_(newest)))
    return {shown.model_id: shown for shown in map(_shown, found)}


def _picture(session: Session, generation_id: int, index: int) -> Artifact:
    found = next((one for one in artifacts_of(session, generation_id) if one.index == index), None)
    if found is None:
        raise NotFound("This picture is not here; it may not have been drawn yet.")
    return found


def _shown(row: Row[Exhibit, dict[str, Any]]) -> Shown:
    exhibit, request = row
    return Shown(
        generation_id=exhibit.generation_id,
        index=exhibit.index,
        model_id=exhibit.model_id,
        key=exhibit.key,
        thumbnail_key=exhibit.thumbnail_key,
        thumbhash=exhibit.thumbhash,
        width=exhibit.width,
        height=exhibit.height,
        request=GenerationRequest.from_json(request),
        published_at=exhibit.published_at,
    )
