"""Reading an account's money."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, ColumnElement, func, select
from sqlalchemy.orm import Session

from easel.billing.tables import LedgerEntry, LedgerTransfer, Wallet, WalletKind
from easel.domain.money import Micros


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementLine:
    """What one transfer did to an account."""

    transfer_id: int
    created_at: datetime
    kind: str
    memo: str | None
    available: Micros
    reserved: Micros


def balance(session: Session, account_id: int) -> Micros:
    """What the account may spend."""
    return _balance_of(session, account_id, WalletKind.AVAILABLE)


def reserved(session: Session, account_id: int) -> Micros:
    """What its unfinished pictures will cost at most."""
    return _balance_of(session, account_id, WalletKind.RESERVED)


def statement(session: Session, account_id: int, limit: int = 100) -> list[StatementLine]:
    """The newest `limit` transfers of the account, newest first."""

    def change(kind: WalletKind) -> ColumnElement[int]:
        return func.coalesce(func.sum(LedgerEntry.amount).filter(Wallet.kind == kind), 0).cast(BigInteger)

    lines = session.execute(
        select(
            LedgerTransfer.id,
            LedgerTransfer.created_at,
            LedgerTransfer.kind,
            LedgerTransfer.memo,
            change(WalletKind.AVAILABLE),
            change(WalletKind.RESERVED),
        )
        .select_from(LedgerTransfer)
        .join(LedgerEntry)
        .join(Wallet)
        .where(Wallet.account_id == account_id)
        .group_by(LedgerTransfer.id)
        .order_by(LedgerTransfer.id.desc())
        .limit(limit)
    )
    return [
        StatementLine(
            transfer_id=transfer_id,
            created_at=created_at,
            kind=kind,
            memo=memo,
            available=Micros(available),
            reserved=Micros(reserved),
        )
        for transfer_id, created_at, kind, memo, available, reserved in lines
    ]


def _balance_of(session: Session, account_id: int, kind: WalletKind) -> Micros:
    found = session.scalar(select(Wallet.balance).filter_by(account_id=account_id, kind=kind))
    return found or Micros(0)
