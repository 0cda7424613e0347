"""Plans over time."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from easel.billing import notices, subscriptions
from easel.billing.plans import plan_named
from easel.billing.subscriptions import a_month_after
from easel.billing.wallets import balance, statement
from easel.db.session import Database
from easel.domain.errors import Conflict, InvalidRequest, NotEnoughCredit
from easel.domain.money import MICROS_PER_DOLLAR, Micros
from easel.kit.clock import SettableClock

FEE = plan_named("standard").monthly_fee


def renewed(session: Session, clock: SettableClock) -> dict[int, str | None]:
    """The accounts whose month was over, and the plans that they go to."""
    return {account: subscriptions.renew(session, clock, account) for account in subscriptions.due(session, clock)}


@given(st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1)))
def test_a_month_later_is_in_the_next_month(moment: datetime) -> None:
    later = a_month_after(moment)
    assert (later.year * 12 + later.month) - (moment.year * 12 + moment.month) == 1
    assert later.day == moment.day or (later + timedelta(days=1)).day == 1


def test_a_chosen_plan_is_paid_for_and_renewed(
    database: Database, clock: SettableClock, rich: Callable[[int], int]
) -> None:
    account = rich(2 * FEE + 5)
    with database.transaction() as session:
        subscriptions.choose(session, clock, account, "pay-as-you-go", "standard")
        assert balance(session, account) == FEE + 5
        assert renewed(session, clock) == {}
    clock.advance(timedelta(days=32))
    with database.transaction() as session:
        assert renewed(session, clock) == {account: None}
        assert balance(session, account) == 5
        assert renewed(session, clock) == {}
        assert [line.kind for line in statement(session, account)] == ["fee", "fee", "credit"]


def test_without_credit_for_another_month_it_goes_back(
    database: Database, clock: SettableClock, rich: Callable[[int], int]
) -> None:
    account = rich(FEE)
    with database.transaction() as session:
        subscriptions.choose(session, clock, account, "pay-as-you-go", "standard")
    clock.advance(timedelta(days=32))
    with database.transaction() as session:
        assert renewed(session, clock) == {account: "pay-as-you-go"}
        assert subscriptions.period_of(session, account) is None
        changes = subscriptions.changes_of(session, account)
        assert [(change.from_plan, change.to_plan) for change in changes] == [
            ("standard", "pay-as-you-go"),
            ("pay-as-you-go", "standard"),
        ]
        assert changes[0].reason == "not enough credit for another month"


def test_an_account_may_let_it_end(database: Database, clock: SettableClock, rich: Callable[[int], int]) -> None:
    account = rich(5 * FEE)
    with database.transaction() as session:
        subscriptions.choose(session, clock, account, "pay-as-you-go", "standard")
        subscriptions.set_renewal(session, account, False)
    clock.advance(timedelta(days=32))
    with database.transaction() as session:
        assert renewed(session, clock) == {account: "pay-as-you-go"}
        assert balance(session, account) == 4 * FEE


def test_an_operators_word_costs_nothing_and_does_not_end(
    database: Database, clock: SettableClock, rich: Callable[[int], int]
) -> None:
    account = rich(0)
    with database.transaction() as session:
        subscriptions.assign(session, clock, account, "pay-as-you-go", "premium", by="Grace")
    clock.advance(timedelta(days=400))
    with database.transaction() as session:
        assert renewed(session, clock) == {}
        with pytest.raises(Conflict, match="no month to renew"):
            subscriptions.set_renewal(session, account, True)


@pytest.mark.parametrize(
    ("wanted", "error"),
    [("premium", NotEnoughCredit), ("free", Conflict), ("pay-as-you-go", Conflict), ("gold", InvalidRequest)],
)
def test_what_cannot_be_chosen(
    session: Session, clock: SettableClock, rich: Callable[[int], int], wanted: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        subscriptions.choose(session, clock, rich(5), "pay-as-you-go", wanted)


def test_the_plans_pictures_are_counted_from_the_paid_month(
    database: Database, clock: SettableClock, rich: Callable[[int], int]
) -> None:
    account, now = rich(FEE), datetime(2026, 1, 20, 12, tzinfo=UTC)
    with database.transaction() as session:
        assert subscriptions.month_of(session, account, now) == datetime(2026, 1, 1, tzinfo=UTC)
        subscriptions.choose(session, clock, account, "pay-as-you-go", "standard")
        assert subscriptions.month_of(session, account, now) == clock.now()


def test_a_low_balance_is_told_once_each_time(
    database: Database, clock: SettableClock, rich: Callable[[int], int]
) -> None:
    from easel.billing import ledger

    low, high = rich(MICROS_PER_DOLLAR // 2), rich(5 * MICROS_PER_DOLLAR)
    with database.transaction() as session:
        assert [notice.account_id for notice in notices.newly_low(session, clock)] == [low]
        assert notices.newly_low(session, clock) == []
        ledger.charge(session, clock, high, Micros(9 * MICROS_PER_DOLLAR // 2), "spent", "spent")
        ledger.credit(session, clock, low, Micros(MICROS_PER_DOLLAR), "more")
        assert [notice.account_id for notice in notices.newly_low(session, clock)] == [high]
        ledger.charge(session, clock, low, Micros(MICROS_PER_DOLLAR), "spent again", "spent")
        assert [notice.account_id for notice in notices.newly_low(session, clock)] == [low]
