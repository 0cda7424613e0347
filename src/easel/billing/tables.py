"""The ledger: money moves between wallets in transfers whose entries sum to zero, and nothing is ever changed.

The database keeps these rules by itself (migration 0003): entries and transfers are only added; a transfer that does
not sum to zero cannot be committed; an account's wallet cannot go below zero, and only an entry changes its balance; a
hold moves once, from held to captured or released.
"""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from easel.db.base import Base
from easel.domain.money import Micros


class WalletKind(StrEnum):
    AVAILABLE = "available"
    """An account's money that it may spend."""
    RESERVED = "reserved"
    """An account's money that its unfinished pictures will cost."""
    CASH = "cash"
    """The house: what customers have paid in; its sum is below zero."""
    REVENUE = "revenue"
    """The house: what delivered pictures have earned."""
    GRANTS = "grants"
    """The house: credit given away; its sum is below zero."""


class HoldState(StrEnum):
    HELD = "held"
    CAPTURED = "captured"
    """The pictures were delivered; `captured` went to the house, the rest went back."""
    RELEASED = "released"
    """All of it went back."""


class Wallet(Base):
    __tablename__ = "wallets"
    __table_args__ = (
        UniqueConstraint("account_id", "kind", postgresql_nulls_not_distinct=True),
        CheckConstraint(
            "CASE WHEN account_id IS NULL THEN kind IN ('cash', 'revenue', 'grants') AND balance IS NULL"
            " ELSE kind IN ('available', 'reserved') AND balance IS NOT NULL END",
            name="kind",
        ),
        CheckConstraint("balance >= 0", name="no_overdraft"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("accounts.id"))
    kind: Mapped[str]
    balance: Mapped[Micros | None]
    """The sum of its entries, written by a trigger. None for the house: every capture would wait for that row."""


class LedgerTransfer(Base):
    __tablename__ = "ledger_transfers"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    """The same key twice is the same transfer, booked once."""
    kind: Mapped[str]
    memo: Mapped[str | None]
    created_at: Mapped[datetime]


class LedgerEntry(Base):
    __tablename__ = "ledger_entries"
    __table_args__ = (
        CheckConstraint("amount <> 0", name="amount"),
        Index("ix_ledger_entries_wallet_id", "wallet_id", "transfer_id"),
    )

    transfer_id: Mapped[int] = mapped_column(ForeignKey("ledger_transfers.id"), primary_key=True)
    wallet_id: Mapped[int] = mapped_column(ForeignKey("wallets.id"), primary_key=True)
    amount: Mapped[Micros]


class Hold(Base):
    __tablename__ = "holds"
    __table_args__ = (
        CheckConstraint("amount >= 0", name="amount"),
        CheckConstraint("captured BETWEEN 0 AND amount AND (captured = 0 OR state = 'captured')", name="captured"),
        CheckConstraint("state IN ('held', 'captured', 'released')", name="state"),
        CheckConstraint("(state = 'held') = (ended_at IS NULL)", name="ended"),
        Index("ix_holds_account_id_held", "account_id", postgresql_where="state = 'held'"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    amount: Mapped[Micros]
    captured: Mapped[Micros] = mapped_column(server_default="0")
    state: Mapped[str] = mapped_column(server_default=HoldState.HELD)
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
