"""The outbox: events that customers are to be told of, written in the transaction they are about."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from easel.db.base import Base

OPEN = "delivered_at IS NULL AND gave_up_at IS NULL"


class WebhookDelivery(Base):
    __tablename__ = "webhook_deliveries"
    __table_args__ = (Index("ix_webhook_deliveries_due", "next_attempt_at", postgresql_where=OPEN),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    """The event's id: the same however often it is sent, so that a receiver can tell a repetition."""
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    url: Mapped[str]
    generation_id: Mapped[int | None] = mapped_column(ForeignKey("generations.id"), index=True)
    """What it is about, where the body is written when it is first sent."""
    body: Mapped[str | None]
    """JSON, as it is sent: the same bytes however often. None until it is first sent."""
    created_at: Mapped[datetime]
    next_attempt_at: Mapped[datetime]
    """When to send next. A sender that claims the row moves it ahead: that is its lease."""
    attempts: Mapped[int] = mapped_column(server_default="0")
    delivered_at: Mapped[datetime | None]
    last_status: Mapped[int | None]
    """The HTTP number of the last answer."""
    last_error: Mapped[str | None]
    gave_up_at: Mapped[datetime | None]
    round_at: Mapped[datetime]
    """When the present round of attempts began: at its making, or when somebody asked for it to be sent again."""
    attempts_before_round: Mapped[int] = mapped_column(server_default="0")


class WebhookAttempt(Base):
    """One sending and what came of it."""

    __tablename__ = "webhook_attempts"

    delivery_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_deliveries.id"), primary_key=True)
    attempt: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    seconds: Mapped[float]
    status: Mapped[int | None]
    """None when nobody answered."""
    error: Mapped[str | None]
    """None when the receiver has it."""


class WebhookSilence(Base):
    """An address that answered 410: it is sent nothing more until somebody asks for it."""

    __tablename__ = "webhook_silences"

    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    url: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[datetime]
