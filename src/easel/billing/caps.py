"""What a key may spend. A cap holds for whoever has the key, in every dialect, however many requests come at once.

A key has spent what its open holds reserve and what its ended ones captured; a refund does not give it back. The ledger
asks `refuse_beyond_cap` while it holds the account's wallets, where all holds of an account stand in line, so two of
them never share what is left. Only keys with a cap are summed up, and the cap itself bounds how much there is to sum.
"""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from easel.billing.tables import SpendingCap
from easel.db.direct import direct
from easel.domain.errors import InvalidRequest, SpendingCapReached
from easel.domain.money import MICROS_PER_DOLLAR, Micros, format_dollars
from easel.kit.clock import Clock

LARGEST_CAP: Final = 1_000_000_000 * MICROS_PER_DOLLAR


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """What a capped key has spent and may spend, in all and in this calendar month (UTC)."""

    total: Micros
    this_month: Micros
    cap: Micros | None
    monthly_cap: Micros | None

    @property
    def left(self) -> Micros:
        """What it may still spend now; never below zero."""
        lefts = [self.cap - self.total] if self.cap is not None else []
        if self.monthly_cap is not None:
            lefts.append(self.monthly_cap - self.this_month)
        return Micros(max(0, min(lefts)))


def set_cap(session: Session, api_key_id: int, *, total: Micros | None, monthly: Micros | None) -> None:
    """Give the key these caps in place of those it had; None is no limit, zero spends nothing.

    What it has spent before counts. Raises InvalidRequest for an amount below zero or above a billion dollars.
    """
    for name, amount in (("total", total), ("monthly", monthly)):
        if amount is not None and not 0 <= amount <= LARGEST_CAP:
            raise InvalidRequest(name, f"A cap is from $0.00 to {format_dollars(LARGEST_CAP)}, like 5.00")
    if total is None and monthly is None:
        direct(session, "DELETE FROM spending_caps WHERE api_key_id = %(id)s", {"id": api_key_id})
        return
    amounts = {"total": total, "monthly": monthly}
    written = insert(SpendingCap).values(api_key_id=api_key_id, **amounts)
    session.execute(written.on_conflict_do_update(index_elements=["api_key_id"], set_=amounts))


HAS_CAP: Final = "EXISTS (SELECT FROM spending_caps WHERE api_key_id = %(api_key_id)s)"
"""In the ledger's own statement: most keys have none, and nothing more is asked about them."""

# The cap's own row says from when on holds are read: of a key that has a monthly cap alone, those of this month.
SPENT: Final = """
    SELECT caps.api_key_id, caps.total AS cap, caps.monthly AS monthly_cap, spent.total, spent.this_month
    FROM spending_caps AS caps,
        date_trunc('month', %(now)s::timestamptz, 'UTC') AS month,
        LATERAL (
            SELECT coalesce(sum(CASE state WHEN 'held' THEN amount ELSE captured END), 0)::bigint AS total,
                coalesce(sum(CASE state WHEN 'held' THEN amount ELSE captured END)
                    FILTER (WHERE created_at >= month), 0)::bigint AS this_month
            FROM holds
            WHERE holds.api_key_id = caps.api_key_id AND amount > 0
                AND created_at >= CASE WHEN caps.total IS NULL THEN month ELSE '-infinity' END
        ) AS spent
    WHERE caps.api_key_id = ANY(%(keys)s)
"""


def spending_of(session: Session, clock: Clock, api_key_ids: list[int]) -> dict[int, Spending]:
    """Of those of the keys that have a cap. `total` counts from the month's beginning where only a month is capped."""
    rows: list[Any] = direct(session, SPENT, {"now": clock.now(), "keys": api_key_ids})
    return {
        row.api_key_id: Spending(
            total=Micros(row.total), this_month=Micros(row.this_month), cap=row.cap, monthly_cap=row.monthly_cap
        )
        for row in rows
    }


def refuse_beyond_cap(session: Session, clock: Clock, api_key_id: int, amount: Micros) -> None:
    """Raises SpendingCapReached when the key may not spend so much more. Asked by the ledger, under its locks."""
    spending = spending_of(session, clock, [api_key_id]).get(api_key_id)
    if spending is None or amount <= spending.left:
        return
    caps = [f"{format_dollars(spending.cap)} in all"] if spending.cap is not None else []
    if spending.monthly_cap is not None:
        caps.append(f"{format_dollars(spending.monthly_cap)} a month")
    raise SpendingCapReached(
        f"This key may spend {' and '.join(caps)}, and has {format_dollars(spending.left)} left; this costs "
        f"{format_dollars(amount)}. Ask for fewer pictures, or have the key's cap raised: easel keys cap {api_key_id}"
    )
