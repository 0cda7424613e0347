"""The outbox: events that customers are to be told of, written in the transaction they are about."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.dialects.postgresql import JSONB
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
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[datetime]
    next_attempt_at: Mapped[datetime]
    """When to send next. A sender that claims the row moves it ahead: that is its lease."""
    attempts: Mapped[int] = mapped_column(server_default="0")
    delivered_at: Mapped[datetime | None]
    last_status: Mapped[int | None]
    """The HTTP number of the last answer."""
    last_error: Mapped[str | None]
    gave_up_at: Mapped[datetime | None]
