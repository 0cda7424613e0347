"""The order."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Identity, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from easel.db.base import Base
from easel.domain.money import Micros


class Generation(Base):
    """What was asked for, what it may cost and what came of it. Its state is its job's."""

    __tablename__ = "generations"
    __table_args__ = (
        Index(None, "account_id", "id"),
        # What the latest pictures of a model took.
        Index("ix_generations_seconds", "model_id", text("id DESC"), postgresql_where=text("seconds IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(Identity(always=True, start=1000), primary_key=True)
    """The number clients know it by."""
    uuid: Mapped[str] = mapped_column(unique=True)
    """Names its files; nobody guesses it."""
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    model_id: Mapped[str]
    request: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """The GenerationRequest."""
    details: Mapped[dict[str, Any]] = mapped_column(JSONB)
    """What the dialect needs to answer again in its own words; opaque here."""
    temporary: Mapped[bool]
    """Whether the pictures may be removed after a day."""
    api_key_id: Mapped[int | None] = mapped_column(ForeignKey("api_keys.id"))
    """The key that asked; None for a person on the site."""
    quoted: Mapped[Micros]
    """What is held: the most that it may cost."""
    per_picture: Mapped[Micros] = mapped_column(server_default="0")
    included: Mapped[int] = mapped_column(server_default="0")
    """How many of its pictures are the plan's and cost nothing."""
    captured: Mapped[Micros | None]
    hold_id: Mapped[int] = mapped_column(ForeignKey("holds.id"))
    webhook: Mapped[str | None]
    track_id: Mapped[str | int | None] = mapped_column(JSONB)
    """The customer's own name for it, given back unchanged."""
    base_url: Mapped[str]
    """Where the links in its webhook begin."""
    notes: Mapped[list[str]] = mapped_column(JSONB)
    """What the engine did otherwise than asked, in sentences."""
    flagged: Mapped[list[int]] = mapped_column(JSONB, default=list, server_default=text("'[]'::jsonb"))
    """Numbers of the pictures that were found unfit to be seen, and replaced."""
    seconds: Mapped[float | None]
    """From claim to delivery."""
    created_at: Mapped[datetime]


class IdempotencyKey(Base):
    """A client's name for one submit, so that sending it again orders nothing new."""

    __tablename__ = "idempotency_keys"

    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    request_sha256: Mapped[str]
    """What was asked with it."""
    generation_id: Mapped[int] = mapped_column(ForeignKey("generations.id"))
    created_at: Mapped[datetime] = mapped_column(index=True)


class Exhibit(Base):
    """A picture that its owner shows to everybody on the model's page, with the prompt that it was drawn from."""

    __tablename__ = "exhibits"
    __table_args__ = (UniqueConstraint("generation_id", "index"), Index(None, "model_id", "id"))

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    generation_id: Mapped[int] = mapped_column(ForeignKey("generations.id"))
    index: Mapped[int]
    model_id: Mapped[str]
    """The generation's, for the index."""
    key: Mapped[str]
    """A copy of its own: what is shown stays when results expire."""
    thumbnail_key: Mapped[str]
    thumbhash: Mapped[str]
    """What stands in its place while it loads, as base64 (evanw.github.io/thumbhash)."""
    width: Mapped[int]
    height: Mapped[int]
    published_at: Mapped[datetime]
