"""Plans over time: who changed to which, what it cost, and what happens when a paid month ends.

An operator's word costs nothing and has no end. An account that chooses for itself pays the plan's month from its
wallet, and again at the end of each month; when its credit does not reach, it goes back to paying for each picture.
"""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from easel.billing import ledger
from easel.billing.plans import Plan, plan_named
from easel.billing.tables import PlanChange, PlanPeriod
from easel.domain.errors import Conflict, NotEnoughCredit
from easel.kit.clock import Clock

FALLBACK = "pay-as-you-go"
FREE = "free"


def choose(session: Session, clock: Clock, account_id: int, current: str, wanted: str) -> Plan:
    """The account's own choice: pays the first month. The caller writes the plan into the account, locked.

    Raises InvalidRequest for an unknown plan, NotEnoughCredit, and Conflict for the plan that it has, or for the
    free plan, which is for whoever has not paid yet.
    """
    plan = plan_named(wanted)
    if wanted == current:
        raise Conflict(f"The account is on the plan {plan.title} already")
    if wanted == FREE:
        raise Conflict("The free plan is for new accounts; choose Pay as you go, which costs nothing by itself")
    begins = clock.now()
    _forget_period(session, account_id)
    if plan.monthly_fee:
        key = f"{account_id}:{plan.name}:{begins.isoformat()}"
        ledger.charge(session, clock, account_id, plan.monthly_fee, key, f"{plan.title}, one month")
        session.add(
            PlanPeriod(
                account_id=account_id, plan=plan.name, begins_at=begins, ends_at=a_month_after(begins), renews=True
            )
        )
    note(session, clock, account_id, current, plan.name, "chosen by the account")
    return plan


def assign(session: Session, clock: Clock, account_id: int, current: str, wanted: str, *, by: str) -> Plan:
    """The word of the operator called `by`. The caller writes the plan into the account.

    Raises InvalidRequest for an unknown plan.
    """
    plan = plan_named(wanted)
    _forget_period(session, account_id)
    if wanted != current:
        note(session, clock, account_id, current, plan.name, f"set by {by}")
    return plan


def set_renewal(session: Session, account_id: int, renews: bool) -> None:
    """Whether the plan goes on after the month that is paid."""
    period = session.get(PlanPeriod, account_id, with_for_update=True)
    if period is None:
        raise Conflict("This plan was set by an operator, or costs nothing; there is no month to renew")
    period.renews = renews


def due(session: Session, clock: Clock, limit: int = 100) -> list[int]:
    """The accounts whose paid month has run out, the longest ago first. Nothing is locked: `renew` looks again."""
    ended = select(PlanPeriod.account_id).where(PlanPeriod.ends_at <= clock.now())
    return list(session.scalars(ended.order_by(PlanPeriod.ends_at).limit(limit)))


def renew(session: Session, clock: Clock, account_id: int) -> str | None:
    """Carry on, or end, a month that has run out: the plan that the account goes to, where it does not go on.

    The caller has locked the account, as for `choose`, and writes the plan into it.
    """
    period = session.get(PlanPeriod, account_id, with_for_update=True, populate_existing=True)
    if period is None or period.ends_at > clock.now():
        return None
    plan = plan_named(period.plan)
    reason = "not renewed, as the account asked"
    if period.renews:
        key = f"{period.account_id}:{plan.name}:{period.ends_at.isoformat()}"
        try:
            ledger.charge(session, clock, period.account_id, plan.monthly_fee, key, f"{plan.title}, one month")
        except NotEnoughCredit:
            reason = "not enough credit for another month"
        else:
            period.begins_at, period.ends_at = period.ends_at, a_month_after(period.ends_at)
            return None
    note(session, clock, account_id, plan.name, FALLBACK, reason)
    session.delete(period)
    session.flush()
    return FALLBACK


def month_of(session: Session, account_id: int, now: datetime) -> datetime:
    """Since when the plan's monthly pictures are counted: the paid month, or the calendar's (UTC)."""
    begins = session.scalar(select(PlanPeriod.begins_at).filter_by(account_id=account_id))
    return begins or now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def period_of(session: Session, account_id: int) -> PlanPeriod | None:
    return session.get(PlanPeriod, account_id)


def changes_of(session: Session, account_id: int) -> list[PlanChange]:
    """Newest first."""
    return list(session.scalars(select(PlanChange).filter_by(account_id=account_id).order_by(PlanChange.id.desc())))


def note(session: Session, clock: Clock, account_id: int, before: str, after: str, reason: str) -> None:
    session.add(
        PlanChange(account_id=account_id, from_plan=before, to_plan=after, reason=reason, created_at=clock.now())
    )


def a_month_after(moment: datetime) -> datetime:
    """The same day of the next month, or its last day where there is no such day."""
    year, month = (moment.year + 1, 1) if moment.month == 12 else (moment.year, moment.month + 1)
    for day in range(moment.day, moment.day - 4, -1):
        try:
            return moment.replace(year=year, month=month, day=day)
        except ValueError:
            continue
    raise AssertionError("no month is shorter than 28 days")


def _forget_period(session: Session, account_id: int) -> None:
    session.execute(delete(PlanPeriod).filter_by(account_id=account_id))
