"""The verbs of money, one at a time, on the real database."""

from collections.abc import Callable

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from easel.accounts.queries import create_account
from easel.billing import ledger
from easel.billing.audit import audit
from easel.billing.tables import Wallet
from easel.billing.wallets import balance, reserved, statement
from easel.domain.errors import Conflict, InvalidRequest, NotEnoughCredit, NotFound
from easel.domain.money import Micros
from easel.kit.clock import SettableClock

TEN_DOLLARS = Micros(10_000_000)


@pytest.fixture
def account(session: Session, clock: SettableClock) -> int:
    """An account with ten dollars."""
    account = create_account(session, clock, "ann").id
    ledger.credit(session, clock, account, TEN_DOLLARS, "first", "paid by bank")
    return account


@pytest.fixture
def money(session: Session, account: int) -> Callable[[], tuple[int, int]]:
    """What is available and what is reserved; every look also audits the ledger."""

    def look() -> tuple[int, int]:
        session.flush()
        assert audit(session) == []
        return balance(session, account), reserved(session, account)

    return look


Money = Callable[[], tuple[int, int]]


class TestCredit:
    def test_adds_to_what_is_available(self, money: Money) -> None:
        assert money() == (10_000_000, 0)

    def test_twice_with_one_key_is_once(
        self, session: Session, clock: SettableClock, account: int, money: Money
    ) -> None:
        ledger.credit(session, clock, account, TEN_DOLLARS, "first")
        assert money() == (10_000_000, 0)

    def test_one_key_for_another_amount_is_a_conflict(
        self, session: Session, clock: SettableClock, account: int, money: Money
    ) -> None:
        with pytest.raises(Conflict, match="already booked"):
            ledger.credit(session, clock, account, Micros(5), "first")
        assert money() == (10_000_000, 0)

    def test_one_key_for_another_account_is_a_conflict(
        self, session: Session, clock: SettableClock, account: int
    ) -> None:
        stranger = create_account(session, clock, "bob").id
        with pytest.raises(Conflict, match="already booked"):
            ledger.credit(session, clock, stranger, TEN_DOLLARS, "first")
        assert balance(session, stranger) == 0

    @pytest.mark.parametrize("amount", [0, -1, 1.5, float("nan"), float("inf"), ledger.LARGEST + 1, 2**80])
    def test_an_amount_that_is_no_payment_is_refused(
        self, session: Session, clock: SettableClock, account: int, money: Money, amount: Micros
    ) -> None:
        with pytest.raises(InvalidRequest, match=r"amount must be from \$0.000001 to"):
            ledger.credit(session, clock, account, amount, "odd")
        assert money() == (10_000_000, 0)


class TestHold:
    def test_moves_money_aside(self, session: Session, clock: SettableClock, account: int, money: Money) -> None:
        ledger.hold(session, clock, account, Micros(4700), "generation:1")
        assert money() == (9_995_300, 4700)

    def test_twice_with_one_key_is_once(
        self, session: Session, clock: SettableClock, account: int, money: Money
    ) -> None:
        first = ledger.hold(session, clock, account, Micros(4700), "generation:1")
        assert ledger.hold(session, clock, account, Micros(4700), "generation:1") == first
        assert money() == (9_995_300, 4700)

    def test_twice_is_once_even_when_the_money_is_gone_by_then(
        self, session: Session, clock: SettableClock, account: int, money: Money
    ) -> None:
        first = ledger.hold(session, clock, account, TEN_DOLLARS, "generation:1")
        assert ledger.hold(session, clock, account, TEN_DOLLARS, "generation:1") == first
        assert money() == (0, 10_000_000)

    def test_one_key_for_another_amount_is_a_conflict(
        self, session: Session, clock: SettableClock, account: int, money: Money
    ) -> None:
        ledger.hold(session, clock, account, Micros(4700), "generation:1")
        with pytest.raises(Conflict, match="another hold"):
            ledger.hold(session, clock, account, Micros(4701), "generation:1")
        assert money() == (9_995_300, 4700)

    def test_all_of_the_money_may_be_held_and_not_a_micro_more(
        self, session: Session, clock: SettableClock, account: int, money: Money
    ) -> None:
        with pytest.raises(NotEnoughCredit, match="Insufficient credits"):
            ledger.hold(session, clock, account, Micros(TEN_DOLLARS + 1), "too much")
        ledger.hold(session, clock, account, TEN_DOLLARS, "all")
        with pytest.raises(NotEnoughCredit):
            ledger.hold(session, clock, account, Micros(1), "one more")
        assert money() == (0, 10_000_000)

    def test_a_balance_that_somebody_still_holds_in_memory_is_read_anew(
        self, session: Session, clock: SettableClock, account: int
    ) -> None:
        kept = session.scalars(select(Wallet).filter_by(account_id=account)).all()
        ledger.hold(session, clock, account, TEN_DOLLARS, "all")
        with pytest.raises(NotEnoughCredit):
            ledger.hold(session, clock, account, Micros(1), "one more")
        assert len(kept) == 2

    def test_an_account_that_never_paid_has_nothing(self, session: Session, clock: SettableClock) -> None:
        stranger = create_account(session, clock, "bob").id
        with pytest.raises(NotEnoughCredit):
            ledger.hold(session, clock, stranger, Micros(1), "generation:1")

    @pytest.mark.parametrize("amount", [-1, 0.5, 2**70])
    def test_an_amount_that_nobody_can_hold_is_refused(
        self, session: Session, clock: SettableClock, account: int, money: Money, amount: Micros
    ) -> None:
        with pytest.raises(InvalidRequest, match=r"amount must be from \$0.00 to"):
            ledger.hold(session, clock, account, amount, "odd")
        assert money() == (10_000_000, 0)


class TestHoldOfNothing:
    """On the premium plan a picture costs nothing, and its hold goes the same way."""

    def test_needs_no_money_and_leaves_no_entry(self, session: Session, clock: SettableClock) -> None:
        account = create_account(session, clock, "bob").id
        held = ledger.hold(session, clock, account, Micros(0), "generation:1")
        assert ledger.hold(session, clock, account, Micros(0), "generation:1") == held
        ledger.capture(session, clock, held, Micros(0))
        ledger.capture(session, clock, held, Micros(0))
        assert statement(session, account) == []

    def test_is_released_or_captured_and_not_both(self, session: Session, clock: SettableClock, account: int) -> None:
        held = ledger.hold(session, clock, account, Micros(0), "generation:1")
        ledger.release(session, clock, held)
        with pytest.raises(Conflict, match="already released"):
            ledger.capture(session, clock, held, Micros(0))


class TestCapture:
    @pytest.fixture
    def held(self, session: Session, clock: SettableClock, account: int) -> int:
        return ledger.hold(session, clock, account, Micros(18_800), "generation:1")

    @pytest.mark.parametrize("amount", [0, 4700, 18_800])
    def test_takes_the_amount_and_gives_back_the_rest(
        self, session: Session, clock: SettableClock, held: int, money: Money, amount: int
    ) -> None:
        ledger.capture(session, clock, held, Micros(amount))
        assert money() == (10_000_000 - amount, 0)

    def test_twice_is_once(self, session: Session, clock: SettableClock, held: int, money: Money) -> None:
        ledger.capture(session, clock, held, Micros(4700))
        ledger.capture(session, clock, held, Micros(4700))
        assert money() == (9_995_300, 0)

    def test_another_amount_afterwards_is_a_conflict(
        self, session: Session, clock: SettableClock, held: int, money: Money
    ) -> None:
        ledger.capture(session, clock, held, Micros(4700))
        with pytest.raises(Conflict, match="already captured"):
            ledger.capture(session, clock, held, Micros(9400))
        assert money() == (9_995_300, 0)

    def test_more_than_was_held_is_refused(
        self, session: Session, clock: SettableClock, held: int, money: Money
    ) -> None:
        with pytest.raises(InvalidRequest, match="capture no more than that"):
            ledger.capture(session, clock, held, Micros(18_801))
        assert money() == (9_981_200, 18_800)

    def test_a_negative_amount_is_refused(
        self, session: Session, clock: SettableClock, held: int, money: Money
    ) -> None:
        with pytest.raises(InvalidRequest, match="amount must be"):
            ledger.capture(session, clock, held, Micros(-1))
        assert money() == (9_981_200, 18_800)

    def test_after_a_release_is_a_conflict(
        self, session: Session, clock: SettableClock, held: int, money: Money
    ) -> None:
        ledger.release(session, clock, held)
        with pytest.raises(Conflict, match="already released"):
            ledger.capture(session, clock, held, Micros(4700))
        assert money() == (10_000_000, 0)

    def test_an_unknown_hold_is_not_found(self, session: Session, clock: SettableClock) -> None:
        with pytest.raises(NotFound, match="no hold 999"):
            ledger.capture(session, clock, 999, Micros(0))


class TestRelease:
    @pytest.fixture
    def held(self, session: Session, clock: SettableClock, account: int) -> int:
        return ledger.hold(session, clock, account, Micros(4700), "generation:1")

    def test_gives_all_of_it_back(self, session: Session, clock: SettableClock, held: int, money: Money) -> None:
        ledger.release(session, clock, held)
        assert money() == (10_000_000, 0)

    def test_twice_is_once(self, session: Session, clock: SettableClock, held: int, money: Money) -> None:
        ledger.release(session, clock, held)
        ledger.release(session, clock, held)
        assert money() == (10_000_000, 0)

    def test_after_a_capture_is_a_conflict(
        self, session: Session, clock: SettableClock, held: int, money: Money
    ) -> None:
        ledger.capture(session, clock, held, Micros(4700))
        with pytest.raises(Conflict, match="already captured"):
            ledger.release(session, clock, held)
        assert money() == (9_995_300, 0)


class TestStatement:
    def test_tells_newest_first_what_each_transfer_did(
        self, session: Session, clock: SettableClock, account: int
    ) -> None:
        held = ledger.hold(session, clock, account, Micros(9400), "generation:1")
        ledger.capture(session, clock, held, Micros(4700))
        lines = [(line.kind, line.available, line.reserved, line.memo) for line in statement(session, account)]
        assert lines == [
            ("capture", 4700, -9400, None),
            ("hold", -9400, 9400, None),
            ("credit", 10_000_000, 0, "paid by bank"),
        ]

    def test_is_as_long_as_asked(self, session: Session, clock: SettableClock, account: int) -> None:
        for number in range(5):
            ledger.credit(session, clock, account, Micros(1), f"more {number}")
        assert len(statement(session, account, limit=3)) == 3

    def test_shows_nothing_of_others(self, session: Session, clock: SettableClock, account: int) -> None:
        assert statement(session, create_account(session, clock, "bob").id) == []
