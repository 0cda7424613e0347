"""Fifty threads on one wallet. Whatever happens at the same time, money is neither made nor lost nor charged twice."""

import random
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy.orm import Session

from easel.billing import ledger
from easel.billing.audit import audit
from easel.billing.wallets import balance, reserved, statement
from easel.db.session import Database
from easel.domain.errors import Conflict, DomainError, NotEnoughCredit
from easel.domain.money import Micros
from easel.kit.clock import SettableClock

THREADS = 50
PRICE = Micros(4700)

Verb = Callable[[Session], object]


def at_once(database: Database, verbs: list[Verb]) -> list[str]:
    """Each verb in a thread and a transaction of its own, all let go together; the names of what they raised, or ''."""
    start = Barrier(len(verbs))

    def run(verb: Verb) -> str:
        try:
            with database.transaction() as session:
                session.connection()  # connecting takes longer than the race
                start.wait(timeout=30)
                verb(session)
        except DomainError as refusal:
            return type(refusal).__name__
        return ""

    with ThreadPoolExecutor(len(verbs)) as pool:
        return list(pool.map(run, verbs))


def look(database: Database, account: int) -> tuple[int, int]:
    with database.transaction() as session:
        assert audit(session) == []
        return balance(session, account), reserved(session, account)


def hold(database: Database, clock: SettableClock, account: int, amount: int, key: str) -> int:
    with database.transaction() as session:
        return ledger.hold(session, clock, account, Micros(amount), key)


def test_no_more_is_held_than_there_is(database: Database, clock: SettableClock, rich: Callable[[int], int]) -> None:
    account = rich(10 * PRICE)
    outcomes = at_once(
        database,
        [
            lambda session, number=number: ledger.hold(session, clock, account, PRICE, f"generation:{number}")
            for number in range(THREADS)
        ],
    )
    assert Counter(outcomes) == {"": 10, NotEnoughCredit.__name__: THREADS - 10}
    assert look(database, account) == (0, 10 * PRICE)


def test_one_key_is_held_once(database: Database, clock: SettableClock, rich: Callable[[int], int]) -> None:
    account = rich(10 * PRICE)
    ids: list[int] = []
    at_once(database, [lambda session: ids.append(ledger.hold(session, clock, account, PRICE, "same"))] * THREADS)
    assert len(ids) == THREADS
    assert len(set(ids)) == 1
    assert look(database, account) == (9 * PRICE, PRICE)


def test_one_key_of_two_accounts_is_one_accounts(
    database: Database, clock: SettableClock, rich: Callable[[int], int]
) -> None:
    accounts = [rich(PRICE + number) for number in range(2)]
    outcomes = at_once(
        database,
        [
            lambda session, account=account: ledger.hold(session, clock, account, PRICE, "same")
            for account in accounts * (THREADS // 2)
        ],
    )
    assert Counter(outcomes) == {"": THREADS // 2, Conflict.__name__: THREADS // 2}
    assert sorted(look(database, account)[1] for account in accounts) == [0, PRICE]


def test_a_hold_is_captured_once(database: Database, clock: SettableClock, rich: Callable[[int], int]) -> None:
    account = rich(4 * PRICE)
    held = hold(database, clock, account, 4 * PRICE, "generation:1")
    outcomes = at_once(database, [lambda session: ledger.capture(session, clock, held, Micros(3 * PRICE))] * THREADS)
    assert set(outcomes) == {""}
    assert look(database, account) == (PRICE, 0)


def test_a_hold_is_captured_or_released_and_never_both(
    database: Database, clock: SettableClock, rich: Callable[[int], int]
) -> None:
    account = rich(10 * PRICE)
    for number in range(5):
        held = hold(database, clock, account, PRICE, f"generation:{number}")
        before = look(database, account)[0]
        capture: Verb = lambda session, held=held: ledger.capture(session, clock, held, PRICE)  # noqa: E731
        release: Verb = lambda session, held=held: ledger.release(session, clock, held)  # noqa: E731
        outcomes = at_once(database, [capture, release] * (THREADS // 2))
        captured, released = outcomes[::2], outcomes[1::2]
        assert {frozenset(captured), frozenset(released)} == {frozenset({""}), frozenset({"Conflict"})}
        assert look(database, account) == (before + (PRICE if captured[0] else 0), 0)


def test_a_capture_is_refunded_once_however_many_ask(
    database: Database, clock: SettableClock, rich: Callable[[int], int]
) -> None:
    account = rich(PRICE)
    held = hold(database, clock, account, PRICE, "generation:1")
    with database.transaction() as session:
        ledger.capture(session, clock, held, PRICE)
    outcomes = at_once(
        database,
        [
            lambda session, number=number: ledger.refund(session, clock, held, PRICE, f"refund:{number}", "asked for")
            for number in range(THREADS)
        ],
    )
    assert Counter(outcomes) == {"": 1, "InvalidRequest": THREADS - 1}
    assert look(database, account) == (PRICE, 0)


def test_one_payment_is_credited_once(database: Database, clock: SettableClock, rich: Callable[[int], int]) -> None:
    account = rich(0)
    outcomes = at_once(
        database, [lambda session: ledger.credit(session, clock, account, Micros(1_000_000), "event:1")] * THREADS
    )
    assert set(outcomes) == {""}
    assert look(database, account) == (1_000_000, 0)


def test_the_first_two_payments_of_an_account_make_its_wallets_once(
    database: Database, clock: SettableClock, rich: Callable[[int], int]
) -> None:
    account = rich(0)
    outcomes = at_once(
        database,
        [
            lambda session, number=number: ledger.credit(session, clock, account, Micros(1), f"event:{number}")
            for number in range(THREADS)
        ],
    )
    assert set(outcomes) == {""}
    assert look(database, account) == (THREADS, 0)


@pytest.mark.parametrize("seed", range(3))
def test_everything_at_once(database: Database, clock: SettableClock, rich: Callable[[int], int], seed: int) -> None:
    """Holds, captures, releases and payments in a mixed crowd; the books must agree with what each was told."""
    account, dice = rich(20 * PRICE), random.Random(seed)
    open_holds = [hold(database, clock, account, PRICE, f"before:{number}") for number in range(10)]

    def verb(number: int) -> Verb:
        held = dice.choice(open_holds)
        return dice.choice(
            [
                lambda session: ledger.hold(session, clock, account, PRICE, f"during:{number}"),
                lambda session: ledger.capture(session, clock, held, PRICE),
                lambda session: ledger.release(session, clock, held),
                lambda session: ledger.credit(session, clock, account, PRICE, f"event:{number}"),
            ]
        )

    outcomes = at_once(database, [verb(number) for number in range(THREADS)])
    assert set(outcomes) <= {"", "Conflict", "NotEnoughCredit"}
    available, aside = look(database, account)
    with database.transaction() as session:
        lines = statement(session, account, limit=1000)
    assert sum(line.available for line in lines) == available >= 0
    assert sum(line.reserved for line in lines) == aside >= 0
    ended = Counter(line.kind for line in lines)
    assert ended["capture"] + ended["release"] <= len(open_holds)
