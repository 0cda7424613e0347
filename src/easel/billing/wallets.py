"""Reading an account's money."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, ColumnElement, func, select
from sqlalchemy.orm import Session

from easel.billing.tables import LedgerEntry, LedgerTransfer, Wallet, WalletKind
from easel.domain.money import Micros, dollars
from easel.kit.csv import csv_text

LONGEST_EXPORT = 100_000
"""Lines of one CSV file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementLine:
    """What one transfer did to an account."""

    transfer_id: int
    created_at: datetime
    kind: str
    memo: str | None
    available: Micros
    reserved: Micros
    balance: Micros
    """What the account could spend after it."""


def balance(session: Session, account_id: int) -> Micros:
    """What the account may spend."""
    return _balance_of(session, account_id, WalletKind.AVAILABLE)


def balances(session: Session, account_ids: Sequence[int]) -> dict[int, Micros]:
    """What each of the accounts may spend; one that never had money is left out."""
    rows = select(Wallet.account_id, Wallet.balance).where(
        Wallet.kind == WalletKind.AVAILABLE, Wallet.account_id.in_(account_ids)
    )
    return {account: money for account, money in session.execute(rows) if account is not None and money is not None}


def totals(session: Session) -> dict[WalletKind, Micros]:
    """What lies in all wallets of each kind; together they are zero."""
    sums = (
        select(Wallet.kind, func.sum(LedgerEntry.amount).cast(BigInteger))
        .join(LedgerEntry, LedgerEntry.wallet_id == Wallet.id)
        .group_by(Wallet.kind)
    )
    found = {kind: amount for kind, amount in session.execute(sums)}
    return {kind: Micros(found.get(kind, 0)) for kind in WalletKind}


def reserved(session: Session, account_id: int) -> Micros:
    """What its unfinished pictures will cost at most."""
    return _balance_of(session, account_id, WalletKind.RESERVED)


def statement(
    session: Session,
    account_id: int,
    limit: int = 100,
    *,
    before: int | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[StatementLine]:
    """The account's newest transfers, newest first. `before` is a transfer's number: the next page ends there."""

    def change(kind: WalletKind) -> ColumnElement[int]:
        return func.coalesce(func.sum(LedgerEntry.amount).filter(Wallet.kind == kind), 0).cast(BigInteger)

    lines = (
        select(
            LedgerTransfer.id.label("id"),
            LedgerTransfer.created_at.label("created_at"),
            LedgerTransfer.kind.label("kind"),
            LedgerTransfer.memo.label("memo"),
            change(WalletKind.AVAILABLE).label("available"),
            change(WalletKind.RESERVED).label("reserved"),
        )
        .select_from(LedgerTransfer)
        .join(LedgerEntry)
        .join(Wallet)
        .where(Wallet.account_id == account_id)
        .group_by(LedgerTransfer.id)
    )
    if before is not None:
        lines = lines.where(LedgerTransfer.id < before)
    if since is not None:
        lines = lines.where(LedgerTransfer.created_at >= since)
    if until is not None:
        lines = lines.where(LedgerTransfer.created_at < until)
    page = session.execute(lines.order_by(LedgerTransfer.id.desc()).limit(limit)).all()
    if not page:
        return []
    running = _balance_at(session, account_id, page[0].id)
    statement: list[StatementLine] = []
    for line in page:
        statement.append(
            StatementLine(
                transfer_id=line.id,
                created_at=line.created_at,
                kind=line.kind,
                memo=line.memo,
                available=Micros(line.available),
                reserved=Micros(line.reserved),
                balance=running,
            )
        )
        running = Micros(running - line.available)
    return statement


def statement_csv(session: Session, account_id: int, since: datetime, until: datetime) -> str:
    """All transfers of a time as a table; amounts in dollars."""
    lines = statement(session, account_id, LONGEST_EXPORT, since=since, until=until)
    header = ("transfer", "time", "kind", "available", "reserved", "balance", "memo")
    rows = (
        (
            line.transfer_id,
            line.created_at.isoformat(),
            line.kind,
            dollars(line.available),
            dollars(line.reserved),
            dollars(line.balance),
            line.memo,
        )
        for line in reversed(lines)
    )
    return csv_text(header, rows)


def _balance_at(session: Session, account_id: int, transfer_id: int) -> Micros:
    """What the account could spend after that transfer."""
    entries = (
        select(func.coalesce(func.sum(LedgerEntry.amount), 0).cast(BigInteger))
        .join(Wallet)
        .where(
            Wallet.account_id == account_id,
            Wallet.kind == WalletKind.AVAILABLE,
            LedgerEntry.transfer_id <= transfer_id,
        )
    )
    return Micros(session.scalar(entries) or 0)


def _balance_of(session: Session, account_id: int, kind: WalletKind) -> Micros:
    found = session.scalar(select(Wallet.balance).filter_by(account_id=account_id, kind=kind))
    return found or Micros(0)
