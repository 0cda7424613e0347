"""A key that is sent again orders nothing new."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from easel.accounts.queries import create_account
from easel.accounts.tables import Account
from easel.billing import ledger
from easel.billing.wallets import reserved
from easel.db.session import Database
from easel.domain.errors import Conflict, InvalidRequest, TooManyQueued
from easel.domain.money import Micros
from easel.domain.request import GenerationDraft
from easel.generations.idempotency import KEPT, Idempotency, forget_old
from easel.generations.submit import submit
from easel.generations.tables import Generation, IdempotencyKey
from easel.kit.clock import SettableClock

DRAFT = GenerationDraft(model_id="easel-starter", prompt="a red star")
ASKED = Idempotency("key-1", "what was asked")


def place(database: Database, clock: SettableClock, account: Account, asked: Idempotency | None = ASKED) -> int:
    with database.transaction() as session:
        return submit(session, clock, account, DRAFT, base_url="", idempotency=asked).id


def test_the_same_key_is_the_same_order(database: Database, clock: SettableClock, account: Account) -> None:
    assert place(database, clock, account) == place(database, clock, account)
    with database.transaction() as session:
        assert reserved(session, account.id) == 4700


def test_it_is_answered_even_when_nothing_new_would_be_accepted(
    database: Database, clock: SettableClock, account: Account
) -> None:
    first = place(database, clock, account)
    for _ in range(4):
        place(database, clock, account, None)
    with pytest.raises(TooManyQueued):
        place(database, clock, account, None)
    assert place(database, clock, account) == first


def test_another_request_with_the_key_is_a_conflict(database: Database, clock: SettableClock, account: Account) -> None:
    number = place(database, clock, account)
    with pytest.raises(Conflict, match=f"number {number}"):
        place(database, clock, account, Idempotency("key-1", "something else"))


def test_a_key_is_its_accounts_own(database: Database, clock: SettableClock, account: Account) -> None:
    with database.transaction() as session:
        other = create_account(session, clock, "Eve")
        ledger.credit(session, clock, other.id, Micros(1_000_000), key="eve")
    assert place(database, clock, account) != place(database, clock, other)


def test_a_refused_request_uses_up_no_key(database: Database, clock: SettableClock, account: Account) -> None:
    draft = GenerationDraft(model_id="nothing", prompt="x")
    with pytest.raises(InvalidRequest), database.transaction() as session:
        submit(session, clock, account, draft, base_url="", idempotency=ASKED)
    place(database, clock, account)


def test_a_key_is_kept_for_a_day(database: Database, clock: SettableClock, account: Account) -> None:
    first = place(database, clock, account)
    clock.advance(KEPT - timedelta(seconds=1))
    assert place(database, clock, account) == first
    clock.advance(timedelta(seconds=1))
    second = place(database, clock, account)
    assert second != first
    assert place(database, clock, account) == second
    clock.advance(KEPT)
    with database.transaction() as session:
        forget_old(session, clock)
        assert session.scalars(select(IdempotencyKey)).all() == []


def test_twins_at_the_same_moment_are_one_order(database: Database, clock: SettableClock, account: Account) -> None:
    placed: list[int] = []
    together = threading.Barrier(12)

    def one() -> None:
        together.wait()
        placed.append(place(database, clock, account))

    threads = [threading.Thread(target=one) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(placed) == 12
    assert len(set(placed)) == 1
    with database.transaction() as session:
        assert session.scalar(select(func.count()).select_from(Generation)) == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "caf\u00e9", "a\nb"])
def test_an_unfit_key_is_refused(key: str) -> None:
    with pytest.raises(InvalidRequest, match="Idempotency-Key must be"):
        Idempotency(key, "")
