"""Any sequence of the verbs, repeated and contradicting ones included, against a model of what should come out."""

from dataclasses import dataclass, field
from itertools import count
from typing import Any, ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy.orm import Session

from easel.accounts.queries import create_account
from easel.billing import ledger
from easel.billing.audit import audit
from easel.billing.wallets import balance, reserved
from easel.db.session import Database
from easel.domain.errors import Conflict, InvalidRequest, NotEnoughCredit
from easel.domain.money import Micros
from easel.kit.clock import SettableClock

amounts = st.integers(min_value=0, max_value=20_000)
keys = st.sampled_from("abcdef")


@dataclass
class Expected:
    """A hold as the model sees it."""

    id: int
    amount: int
    ended_as: tuple[str, int] | None = None
    refunds: dict[str, int] = field(default_factory=dict[str, int])


class Money(RuleBasedStateMachine):
    """Two accounts in plain Python beside the same two in PostgreSQL; each verb is a transaction."""

    database: ClassVar[Database]
    clock: ClassVar[SettableClock]
    run_number: ClassVar["count[int]"] = count()

    holds = Bundle("holds")

    def __init__(self) -> None:
        super().__init__()
        self.run_id = next(self.run_number)
        self.available = [0, 0]
        self.expected: dict[str, tuple[int, Expected]] = {}
        self.payments: dict[str, tuple[int, int]] = {}
        self.others: dict[str, tuple[int, int]] = {}
        self.refund_keys: dict[str, tuple[str, int]] = {}
        self.accounts: list[int] = []

    @initialize()
    def make_accounts(self) -> None:
        with self.database.transaction() as session:
            names = [f"{self.run_id} {name}" for name in ("ann", "bob")]
            self.accounts = [create_account(session, self.clock, name).id for name in names]

    def do(self, verb: Any, *arguments: Any) -> Any:
        """What the verb returns, or the class of what it raises; in a transaction of its own."""
        try:
            with self.database.transaction() as session:
                return verb(session, self.clock, *arguments)
        except (Conflict, InvalidRequest, NotEnoughCredit) as refusal:
            return type(refusal)

    @rule(who=st.integers(0, 1), amount=amounts, key=keys)
    def pay(self, who: int, amount: int, key: str) -> None:
        answer = self.do(ledger.credit, self.accounts[who], amount, f"{self.run_id}:{key}")
        if amount == 0:
            assert answer is InvalidRequest
        elif key in self.payments:
            assert answer is (False if self.payments[key] == (who, amount) else Conflict)
        else:
            assert answer is True
            self.payments[key] = (who, amount)
            self.available[who] += amount

    @rule(target=holds, who=st.integers(0, 1), amount=amounts, key=keys)
    def hold(self, who: int, amount: int, key: str) -> str:
        answer = self.do(ledger.hold, self.accounts[who], amount, f"{self.run_id}:{key}")
        if key in self.expected:
            owner, known = self.expected[key]
            assert answer == (known.id if (owner, known.amount) == (who, amount) else Conflict)
        elif amount > self.available[who]:
            assert answer is NotEnoughCredit
        else:
            self.expected[key] = (who, Expected(answer, amount))
            self.available[who] -= amount
        return key

    @rule(key=holds, amount=amounts)
    def capture(self, key: str, amount: int) -> None:
        if key not in self.expected:
            return
        who, known = self.expected[key]
        answer = self.do(ledger.capture, known.id, Micros(amount))
        if amount > known.amount:
            assert answer is InvalidRequest
        else:
            self.ends(who, known, "captured", amount, answer)

    @rule(key=holds)
    def capture_all(self, key: str) -> None:
        if key in self.expected:
            who, known = self.expected[key]
            self.ends(who, known, "captured", known.amount, self.do(ledger.capture, known.id, known.amount))

    @rule(key=holds)
    def release(self, key: str) -> None:
        if key in self.expected:
            who, known = self.expected[key]
            self.ends(who, known, "released", 0, self.do(ledger.release, known.id))

    @rule(key=holds, amount=amounts, refund=keys)
    def refund(self, key: str, amount: int, refund: str) -> None:
        if key not in self.expected:
            return
        who, known = self.expected[key]
        answer = self.do(ledger.refund, known.id, Micros(amount), f"{self.run_id}:{refund}", "asked for")
        state, captured = known.ended_as or ("held", 0)
        if amount == 0:
            assert answer is InvalidRequest
        elif refund in self.refund_keys:
            assert answer is (None if self.refund_keys[refund] == (key, amount) else Conflict)
        elif state != "captured":
            assert answer is Conflict
        elif amount > captured - sum(known.refunds.values()):
            assert answer is InvalidRequest
        else:
            assert answer is None
            known.refunds[refund] = amount
            self.refund_keys[refund] = (key, amount)
            self.available[who] += amount

    @rule(who=st.integers(0, 1), amount=st.integers(-20_000, 20_000), key=keys)
    def adjust(self, who: int, amount: int, key: str) -> None:
        self.once(ledger.adjust, "adjust", who, amount, key, goes_below=False)

    @rule(who=st.integers(0, 1), amount=amounts, key=keys)
    def charge(self, who: int, amount: int, key: str) -> None:
        self.once(ledger.charge, "charge", who, -amount, key, goes_below=False)

    @rule(who=st.integers(0, 1), amount=amounts, key=keys)
    def take_back(self, who: int, amount: int, key: str) -> None:
        self.once(ledger.take_back, "take back", who, -amount, key, goes_below=True)

    def once(self, verb: Any, name: str, who: int, change: int, key: str, *, goes_below: bool) -> None:
        """A verb that moves the available money of one account by `change`, once a key."""
        amount = change if verb is ledger.adjust else -change
        answer = self.do(verb, self.accounts[who], Micros(amount), f"{self.run_id}:{key}", "a reason")
        known = self.others.get(f"{name} {key}")
        if change == 0:
            assert answer is InvalidRequest
        elif known is not None:
            # A payback books what there was then; asked again, it is the one that was booked.
            same = False if verb is ledger.adjust else None
            assert answer is (same if goes_below or known == (who, change) else Conflict)
        elif self.available[who] + change < 0 and not goes_below:
            assert answer is NotEnoughCredit
        else:
            assert answer is (True if verb is ledger.adjust else None)
            self.others[f"{name} {key}"] = (who, change)
            self.available[who] = max(0, self.available[who] + change)

    def ends(self, who: int, known: Expected, state: str, captured: int, answer: Any) -> None:
        """The first end counts; the same again changes nothing; another one is a conflict."""
        if known.ended_as is None:
            known.ended_as = (state, captured)
            self.available[who] += known.amount - captured
            assert answer is None
        else:
            assert answer is (None if known.ended_as == (state, captured) else Conflict)

    @invariant()
    def the_books_agree(self) -> None:
        with self.database.transaction() as session:
            for who, account in enumerate(self.accounts):
                held = [hold for owner, hold in self.expected.values() if owner == who and hold.ended_as is None]
                assert balance(session, account) == self.available[who]
                assert reserved(session, account) == sum(hold.amount for hold in held)

    def teardown(self) -> None:
        with self.database.transaction() as session:
            assert audit(session) == []


def test_any_sequence_of_verbs_keeps_the_books(database: Database, clock: SettableClock) -> None:
    class OnThisDatabase(Money):
        pass

    OnThisDatabase.database, OnThisDatabase.clock = database, clock
    run_state_machine_as_test(
        OnThisDatabase,
        settings=settings(
            max_examples=30, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
        ),
    )


def test_what_a_caller_rolls_back_never_happened(database: Database, clock: SettableClock, session: Session) -> None:
    account = create_account(session, clock, "ann").id
    with session.begin_nested() as savepoint:
        ledger.credit(session, clock, account, Micros(5), "payment")
        savepoint.rollback()
    assert balance(session, account) == 0
    ledger.credit(session, clock, account, Micros(5), "payment")
    assert balance(session, account) == 5
