"""Who is to be told that the balance is low: once, until it has been above again."""

from dataclasses import dataclass

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from easel.billing.tables import LowBalance, Wallet, WalletKind
from easel.domain.money import MICROS_PER_DOLLAR, Micros
from easel.kit.clock import Clock

LOW = Micros(MICROS_PER_DOLLAR)
"""A balance below this is low: some two hundred pictures are left."""


@dataclass(frozen=True, slots=True)
class LowBalanceNotice:
    account_id: int
    balance: Micros


def is_low(balance: Micros) -> bool:
    return balance < LOW


def newly_low(session: Session, clock: Clock, limit: int = 100) -> list[LowBalanceNotice]:
    """The accounts whose balance has fallen below LOW since the last call. Each crossing is reported once.

    An account that never had money is not told that it has none.
    """
    available = Wallet.kind == WalletKind.AVAILABLE
    above = select(Wallet.account_id).where(available, Wallet.balance >= LOW)
    session.execute(delete(LowBalance).where(LowBalance.account_id.in_(above)))
    told = select(LowBalance.account_id)
    low = (
        select(Wallet.account_id, Wallet.balance)
        .where(available, Wallet.balance < LOW, Wallet.account_id.not_in(told))
        .order_by(Wallet.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=Wallet)
    )
    found = [
        LowBalanceNotice(account, balance)
        for account, balance in session.execute(low)
        if account and balance is not None
    ]
    if found:
        session.execute(
            insert(LowBalance), [{"account_id": notice.account_id, "told_at": clock.now()} for notice in found]
        )
    return found
