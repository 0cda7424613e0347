"""The record of a stored picture."""

from datetime import datetime

from sqlalchemy import ForeignKey, Identity, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from easel.db.base import Base


class Artifact(Base):
    __tablename__ = "artifacts"
    __table_args__ = (UniqueConstraint("generation_id", "index"),)

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
    created_at: Mapped[datetime]
