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
        # What a key has spent.
        Index(None, "api_key_id", "created_at", postgresql_where="api_key_id IS NOT NULL AND amount > 0"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    api_key_id: Mapped[int | None] = mapped_column(ForeignKey("api_keys.id"))
    """The key whose cap it counts under; None for a person on the site."""
    amount: Mapped[Micros]
    captured: Mapped[Micros] = mapped_column(server_default="0")
    state: Mapped[str] = mapped_column(server_default=HoldState.HELD)
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class SpendingCap(Base):
    """The most that a key may spend; a key without a row may spend what its account has."""

    __tablename__ = "spending_caps"
    __table_args__ = (
        CheckConstraint("total >= 0 AND monthly >= 0", name="amounts"),
        CheckConstraint("num_nonnulls(total, monthly) > 0", name="some"),
    )

    api_key_id: Mapped[int] = mapped_column(ForeignKey("api_keys.id"), primary_key=True, autoincrement=False)
    total: Mapped[Micros | None]
    monthly: Mapped[Micros | None]
    """In a calendar month, UTC."""


class Refund(Base):
    """Money of a captured hold, given back. The database lets all refunds of a hold sum to what it captured at most."""

    __tablename__ = "refunds"
    __table_args__ = (CheckConstraint("amount > 0", name="amount"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    hold_id: Mapped[int] = mapped_column(ForeignKey("holds.id"), index=True)
    amount: Mapped[Micros]
    reason: Mapped[str]
    created_at: Mapped[datetime]


class PlanChange(Base):
    """When an account went from one plan to another, and why. Only added to."""

    __tablename__ = "plan_changes"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), index=True)
    from_plan: Mapped[str]
    to_plan: Mapped[str]
    reason: Mapped[str]
    created_at: Mapped[datetime]


class PlanPeriod(Base):
    """The month that an account has paid its plan for."""

    __tablename__ = "plan_periods"

    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    plan: Mapped[str]
    begins_at: Mapped[datetime]
    ends_at: Mapped[datetime] = mapped_column(index=True)
    renews: Mapped[bool]


class LowBalance(Base):
    """Accounts that were told that their balance is low, and have not been above since."""

    __tablename__ = "low_balances"

    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    told_at: Mapped[datetime]


class TopUp(Base):
    """A payment begun at the payment provider. Its amount is ours; an event that says another one is refused."""

    __tablename__ = "top_ups"
    __table_args__ = (
        CheckConstraint("amount > 0", name="amount"),
        CheckConstraint("state IN ('open', 'paid', 'failed')", name="state"),
        CheckConstraint("(state = 'paid') = (paid_at IS NOT NULL)", name="paid"),
        CheckConstraint("taken_back BETWEEN 0 AND amount", name="taken_back"),
        Index(None, "account_id", "id"),
    )

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    uuid: Mapped[str] = mapped_column(unique=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.id"))
    amount: Mapped[Micros]
    currency: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="open")
    session_id: Mapped[str | None] = mapped_column(unique=True)
    """The provider's own name for it."""
    payment_intent: Mapped[str | None] = mapped_column(index=True)
    taken_back: Mapped[Micros] = mapped_column(server_default="0")
    """Refunded or disputed at the provider."""
    created_at: Mapped[datetime]
    paid_at: Mapped[datetime | None]


class PaymentEvent(Base):
    """What the payment provider has told us, once each. Only added to."""

    __tablename__ = "payment_events"

    event_id: Mapped[str] = mapped_column(primary_key=True)
    type: Mapped[str]
    outcome: Mapped[str]
    """What was done, in a sentence."""
    top_up_id: Mapped[int | None] = mapped_column(ForeignKey("top_ups.id"))
    received_at: Mapped[datetime]
