"""The verbs of money: hold, capture, release, refund, credit, take back, charge, adjust. The only writer of the ledger.

Every verb may be called again with the same key (or hold) and then changes nothing, so a retry after a lost answer is
safe. A verb that disagrees with what was booked before raises Conflict.

Locks are taken in one order, the hold's row and then the account's wallets, and are kept until the caller's transaction
ends. Two verbs on one account therefore happen one after the other, and what a verb has read of a balance stays true
until it commits. The database refuses an overdraft and an unbalanced transfer even if this file is wrong.
"""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert as insert_or_skip
from sqlalchemy.orm import Session

from easel.billing.caps import HAS_CAP, refuse_beyond_cap
from easel.billing.tables import Hold, HoldState, LedgerEntry, LedgerTransfer, Refund, Wallet, WalletKind
from easel.db.direct import direct
from easel.domain.errors import Conflict, InvalidRequest, NotEnoughCredit, NotFound, SpendingCapReached
from easel.domain.money import MICROS_PER_DOLLAR, Micros, format_dollars
from easel.kit.clock import Clock

LARGEST = 1_000_000_000 * MICROS_PER_DOLLAR
"""A billion dollars: above any honest amount, far below where 64 bits end."""

END_KINDS = {HoldState.CAPTURED: "capture", HoldState.RELEASED: "release"}
"""How a transfer is called by what it makes of its hold. One key for both: a hold ends once."""


@dataclass(frozen=True, slots=True)
class LockedWallet:
    """One of an account's wallets, locked: what it says stays true until the transaction ends."""

    id: int
    balance: Micros
    key_has_cap: bool
    """Whether the API key that asks may spend only so much."""


Wallets = dict[WalletKind, LockedWallet]


MAKE_HOLD: Final = """
    WITH hold AS (
        INSERT INTO holds (key, account_id, amount, api_key_id, created_at)
        VALUES (%(key)s, %(account_id)s, %(amount)s, %(api_key_id)s, %(now)s)
        ON CONFLICT (key) DO NOTHING RETURNING id
    ), transfer AS (
        INSERT INTO ledger_transfers (key, kind, created_at)
        SELECT 'hold:' || id, 'hold', %(now)s FROM hold WHERE %(amount)s > 0 RETURNING id
    ), entries AS (
        INSERT INTO ledger_entries (transfer_id, wallet_id, amount)
        SELECT transfer.id, wallet_id, change FROM transfer, (VALUES
            (%(available)s::bigint, -%(amount)s::bigint), (%(reserved)s::bigint, %(amount)s::bigint)
        ) AS entry (wallet_id, change)
    )
    SELECT id FROM hold
"""
"""The hold and, unless it is of nothing, its transfer: one statement, because every order makes one."""


def hold(
    session: Session, clock: Clock, account_id: int, amount: Micros, key: str, api_key_id: int | None = None
) -> int:
    """Reserve `amount` and return the hold's id. Raises NotEnoughCredit when the account has less.

    `api_key_id` is the API key that asked; raises SpendingCapReached when it may not spend so much more. An amount of
    zero is held as well, without entries, so that every order has a hold to capture or release.
    """
    _check_amount(amount, at_least=0)
    wallets = _lock_wallets(session, account_id, api_key_id) if amount else {}
    try:
        if amount and api_key_id is not None and wallets[WalletKind.AVAILABLE].key_has_cap:
            refuse_beyond_cap(session, clock, api_key_id, amount)
        if amount and wallets[WalletKind.AVAILABLE].balance < amount:
            raise NotEnoughCredit("Insufficient credits. Please add more credits to continue.")
    except (NotEnoughCredit, SpendingCapReached):
        if _find_hold(session, key) is None:  # one that was made before stays made
            raise
    made = direct(
        session,
        MAKE_HOLD,
        {
            "key": key,
            "account_id": account_id,
            "amount": amount,
            "api_key_id": api_key_id,
            "now": clock.now(),
            "available": wallets[WalletKind.AVAILABLE].id if amount else None,
            "reserved": wallets[WalletKind.RESERVED].id if amount else None,
        },
    )
    return made[0].id if made else _same_hold(session, account_id, amount, key)


def capture(session: Session, clock: Clock, hold_id: int, amount: Micros) -> None:
    """Take `amount` of a hold for delivered pictures; the rest goes back to the account.

    Raises InvalidRequest for more than was held, Conflict for a hold released or captured otherwise.
    """
    held = _lock_hold(session, hold_id)
    _check_amount(amount, at_least=0)
    if amount > held.amount:
        raise InvalidRequest(
            "amount", f"Hold {hold_id} is for {format_dollars(held.amount)}; capture no more than that"
        )
    if held.state == HoldState.CAPTURED and held.captured == amount:
        return
    _end(session, clock, held, HoldState.CAPTURED, captured=amount)


def release(session: Session, clock: Clock, hold_id: int) -> None:
    """Give all of a hold back. Raises Conflict when it was captured."""
    held = _lock_hold(session, hold_id)
    if held.state == HoldState.RELEASED:
        return
    _end(session, clock, held, HoldState.RELEASED, captured=Micros(0))


def credit(session: Session, clock: Clock, account_id: int, amount: Micros, key: str, memo: str | None = None) -> bool:
    """Book money that the customer has paid; False where it was booked before.

    Raises Conflict when `key` stands for another payment.
    """
    _check_amount(amount, at_least=1)
    available = _lock_wallets(session, account_id)[WalletKind.AVAILABLE]
    change = {_house_wallet(session, WalletKind.CASH): -amount, available.id: amount}
    return _book(session, clock, f"credit:{key}", "credit", change, memo)


def refund(session: Session, clock: Clock, hold_id: int, amount: Micros, key: str, reason: str) -> None:
    """Give `amount` of a captured hold back. Raises InvalidRequest for more than is left of what was captured.

    Raises Conflict when `key` stands for another refund, or when the hold was never captured.
    """
    _check_amount(amount, at_least=1)
    held = _lock_hold(session, hold_id)
    known = refund_under(session, key)
    if known is not None:
        if (known.hold_id, known.amount) != (hold_id, amount):
            raise Conflict(f"The key {key} already stands for another refund; use another key")
        return
    if held.state != HoldState.CAPTURED:
        raise Conflict(f"Hold {hold_id} is {held.state}; only what was captured can be refunded")
    left = Micros(held.captured - refunded(session, hold_id))
    if amount > left:
        raise InvalidRequest("amount", f"{format_dollars(left)} of this is left to refund; give no more than that back")
    session.add(Refund(key=key, hold_id=hold_id, amount=amount, reason=reason, created_at=clock.now()))
    session.flush()
    available = _lock_wallets(session, held.account_id)[WalletKind.AVAILABLE]
    change = {_house_wallet(session, WalletKind.REVENUE): -amount, available.id: amount}
    _book(session, clock, f"refund:{key}", "refund", change, reason)


def refunded(session: Session, hold_id: int) -> Micros:
    """How much of a hold has been given back."""
    given = session.scalar(select(func.sum(Refund.amount)).filter_by(hold_id=hold_id))
    return Micros(int(given or 0))


def refund_under(session: Session, key: str) -> Refund | None:
    """The refund that was made under `key`."""
    return session.scalar(select(Refund).filter_by(key=key))


def take_back(session: Session, clock: Clock, account_id: int, amount: Micros, key: str, memo: str) -> None:
    """Book that a payment went back to the customer. What the account no longer has is the house's loss."""
    _check_amount(amount, at_least=1)
    available = _lock_wallets(session, account_id)[WalletKind.AVAILABLE]
    if _booked(session, f"payback:{key}"):
        return
    taken = min(amount, available.balance)
    change = {
        _house_wallet(session, WalletKind.CASH): amount,
        available.id: -taken,
        _house_wallet(session, WalletKind.GRANTS): taken - amount,
    }
    _book(session, clock, f"payback:{key}", "payback", change, memo)


def charge(session: Session, clock: Clock, account_id: int, amount: Micros, key: str, memo: str) -> None:
    """Take `amount` for something that is no picture, such as a month of a plan. Raises NotEnoughCredit."""
    _check_amount(amount, at_least=1)
    available = _lock_wallets(session, account_id)[WalletKind.AVAILABLE]
    if available.balance < amount and not _booked(session, f"fee:{key}"):
        raise NotEnoughCredit(f"This costs {format_dollars(amount)}; add credit first.")
    _book(
        session,
        clock,
        f"fee:{key}",
        "fee",
        {available.id: -amount, _house_wallet(session, WalletKind.REVENUE): amount},
        memo,
    )


def adjust(session: Session, clock: Clock, account_id: int, amount: Micros, key: str, reason: str) -> bool:
    """An operator's correction: credit given, or, below zero, taken; False where it was booked before.

    Raises NotEnoughCredit for more than there is, Conflict when `key` stands for another correction.
    """
    _check_amount(Micros(abs(amount)), at_least=1)
    if not reason.strip():
        raise InvalidRequest("reason", "An adjustment needs a reason; it stands in the account's statement")
    available = _lock_wallets(session, account_id)[WalletKind.AVAILABLE]
    if available.balance + amount < 0 and not _booked(session, f"adjustment:{key}"):
        raise NotEnoughCredit(
            f"The account has {format_dollars(available.balance)}; no more than that can be taken from it"
        )
    change = {_house_wallet(session, WalletKind.GRANTS): -amount, available.id: amount}
    return _book(session, clock, f"adjustment:{key}", "adjustment", change, reason)


def _end(session: Session, clock: Clock, held: Hold, state: HoldState, captured: Micros) -> None:
    if held.state != HoldState.HELD:
        raise Conflict(f"Hold {held.id} is already {held.state}; it cannot be {state} as well")
    held.state = state
    held.captured = captured
    held.ended_at = clock.now()
    if not held.amount:
        return
    wallets = _lock_wallets(session, held.account_id)
    change = {
        wallets[WalletKind.RESERVED].id: -held.amount,
        wallets[WalletKind.AVAILABLE].id: held.amount - captured,
        _house_wallet(session, WalletKind.REVENUE): captured,
    }
    _book(session, clock, f"end:{held.id}", END_KINDS[state], change)


BOOK: Final = """
    WITH transfer AS (
        INSERT INTO ledger_transfers (key, kind, memo, created_at) VALUES (%(key)s, %(kind)s, %(memo)s, %(now)s)
        ON CONFLICT (key) DO NOTHING RETURNING id
    )
    INSERT INTO ledger_entries (transfer_id, wallet_id, amount)
    SELECT transfer.id, entry.wallet_id, entry.amount
    FROM transfer, unnest(%(wallets)s::bigint[], %(amounts)s::bigint[]) AS entry (wallet_id, amount)
    RETURNING transfer_id
"""


def _book(
    session: Session, clock: Clock, key: str, kind: str, amounts: dict[int, int], memo: str | None = None
) -> bool:
    """Add a transfer, unless `key` is booked already. `amounts` by wallet id sum to zero; zeros are left out."""
    amounts = {wallet: amount for wallet, amount in amounts.items() if amount}
    booked = direct(
        session,
        BOOK,
        {
            "key": key,
            "kind": kind,
            "memo": memo,
            "now": clock.now(),
            "wallets": list(amounts),
            "amounts": list(amounts.values()),
        },
    )
    if not booked and _booked(session, key) != amounts:
        raise Conflict(f"{key} is already booked with other amounts; use another key")
    return bool(booked)


def _booked(session: Session, key: str) -> dict[int, int]:
    entries = select(LedgerEntry.wallet_id, LedgerEntry.amount).join(LedgerTransfer).where(LedgerTransfer.key == key)
    return {wallet: amount for wallet, amount in session.execute(entries)}


def _same_hold(session: Session, account_id: int, amount: Micros, key: str) -> int:
    known = _find_hold(session, key)
    if known is None or (known.account_id, known.amount) != (account_id, amount):
        raise Conflict(f"The key {key} already stands for another hold; use another key")
    return known.id


def _find_hold(session: Session, key: str) -> Hold | None:
    return session.scalar(select(Hold).filter_by(key=key))


def _lock_hold(session: Session, hold_id: int) -> Hold:
    held = session.get(Hold, hold_id, with_for_update=True, populate_existing=True)
    if held is None:
        raise NotFound(f"There is no hold {hold_id}")
    return held


LOCK_WALLETS: Final = f"""
    SELECT id, kind, balance, {HAS_CAP} AS key_has_cap
    FROM wallets WHERE account_id = %(account_id)s ORDER BY id FOR UPDATE
"""


def _lock_wallets(session: Session, account_id: int, api_key_id: int | None = None) -> Wallets:
    """The account's two wallets, made if need be, read after the lock is had. Locked in one order: by id."""
    named = {"account_id": account_id, "api_key_id": api_key_id}
    wallets = direct(session, LOCK_WALLETS, named)
    if len(wallets) < 2:
        kinds = (WalletKind.AVAILABLE, WalletKind.RESERVED)
        rows = [{"account_id": account_id, "kind": kind, "balance": 0} for kind in kinds]
        session.execute(insert_or_skip(Wallet).values(rows).on_conflict_do_nothing())
        wallets = direct(session, LOCK_WALLETS, named)
    return {
        WalletKind(wallet.kind): LockedWallet(wallet.id, Micros(wallet.balance), wallet.key_has_cap)
        for wallet in wallets
    }


def _house_wallet(session: Session, kind: WalletKind) -> int:
    """Its id. The row is not locked: nothing is written to it, and everybody would wait for it."""
    return session.scalars(select(Wallet.id).filter_by(account_id=None, kind=kind)).one()


def _check_amount(amount: Micros, *, at_least: int) -> None:
    # An untyped caller may come with a float; PostgreSQL would round it in silence.
    if not isinstance(amount, int) or not at_least <= amount <= LARGEST:  # pyright: ignore[reportUnnecessaryIsInstance]
        allowed = f"from {format_dollars(at_least)} to {format_dollars(LARGEST)}, in whole millionths of a dollar"
        raise InvalidRequest("amount", f"amount must be {allowed}")
