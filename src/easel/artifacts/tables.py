"""The records of stored pictures: drawn ones, and those that customers sent."""

from datetime import datetime

from sqlalchemy import ForeignKey, Identity, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from easel.db.base import Base


class Artifact(Base):
    __tablename__ = "artifacts"
    __table_args__ = (
        UniqueConstraint("generation_id", "index"),
        Index(None, "created_at", postgresql_where="expired_at IS NULL"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    generation_id: Mapped[int] = mapped_column(ForeignKey("generations.id"))
    index: Mapped[int]
    key: Mapped[str] = mapped_column(unique=True)
    media_type: Mapped[str]
    width: Mapped[int]
    height: Mapped[int]
    size_bytes: Mapped[int]
    sha256: Mapped[str]
    seed: Mapped[int]
    thumbhash: Mapped[str | None]
    """What stands in its place while it loads (thumbnails.py); pictures of older versions have none."""
    created_at: Mapped[datetime]
    expired_at: Mapped[datetime | None]
    """When its bytes were deleted, because it was kept for as long as this installation keeps results."""


class Input(Base):
    """A picture or mask that a customer sent."""

    __tablename__ = "inputs"
    __table_args__ = (Index(None, "used_at"),)

    key: Mapped[str] = mapped_column(primary_key=True)
    width: Mapped[int]
    height: Mapped[int]
    size_bytes: Mapped[int]
    created_at: Mapped[datetime]
    used_at: Mapped[datetime]
    """When a request last named it."""
