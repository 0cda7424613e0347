"""The records of stored pictures: drawn ones, those that customers sent, and what was asked about them."""

from datetime import datetime

from sqlalchemy import ForeignKey, Identity, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from easel.db.base import Base
from easel.db.leased import Leased


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


class PictureCheck(Leased, Base):
    """A picture that somebody wants to know about whether it is fit to be seen, and what was found: see checks.py."""

    __tablename__ = "picture_checks"
    __table_args__ = (
        Index(None, "account_id", "key"),
        Index(None, "created_at"),
        Index("ix_picture_checks_open", "id", postgresql_where=text("finished_at IS NULL")),
    )

    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    """Who asked."""
    key: Mapped[str]
    """Of an Input."""
    score: Mapped[float | None]
    """0 to 1, as the checker of `engine/safety` answers; None while nobody has looked."""
