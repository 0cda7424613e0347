"""The owner and the key that every start prints."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from easel.accounts.keys import authenticate, list_keys, revoke_key
from easel.accounts.owner import ensure_owner, ensure_owner_key
from easel.accounts.tables import Account, Role, Scope
from easel.db.session import Database
from easel.kit.clock import SettableClock


def test_the_owner_is_made_once_and_draws_for_nothing(session: Session, clock: SettableClock) -> None:
    owner = ensure_owner(session, clock)
    assert ensure_owner(session, clock).id == owner.id
    assert (owner.role, owner.plan) == (Role.OWNER, "premium")


def test_an_owner_who_chose_another_plan_keeps_it(session: Session, clock: SettableClock) -> None:
    ensure_owner(session, clock).plan = "standard"
    session.flush()
    assert ensure_owner(session, clock).plan == "standard"


def test_the_key_works_and_is_the_same_at_every_start(session: Session, clock: SettableClock) -> None:
    owner = ensure_owner(session, clock)
    keys = {ensure_owner_key(session, clock, owner, "the installation's secret") for _ in range(3)}
    assert len(keys) == 1
    assert authenticate(session, clock, keys.pop(), Scope.READ).account_id == owner.id
    assert len(list_keys(session, owner.id)) == 1


def test_a_revoked_key_is_followed_by_the_next_and_stays_revoked(session: Session, clock: SettableClock) -> None:
    owner = ensure_owner(session, clock)
    seen: list[str] = []
    for _ in range(3):
        seen.append(ensure_owner_key(session, clock, owner, "secret"))
        revoke_key(session, clock, owner.id, list_keys(session, owner.id)[-1].id)
    assert len(set(seen)) == 3
    assert ensure_owner_key(session, clock, owner, "secret") not in seen


def test_another_secret_gives_another_key(session: Session, clock: SettableClock) -> None:
    owner = ensure_owner(session, clock)
    assert ensure_owner_key(session, clock, owner, "one") != ensure_owner_key(session, clock, owner, "two")


@pytest.mark.parametrize("started_before", [False, True])
def test_many_starts_at_once_agree(database: Database, clock: SettableClock, started_before: bool) -> None:
    if started_before:
        with database.transaction() as session:
            ensure_owner(session, clock)
    start = Barrier(10)

    def begin(_: int) -> tuple[int, str]:
        with database.transaction() as session:
            session.connection()  # connecting takes longer than the race
            start.wait(timeout=30)
            owner = ensure_owner(session, clock)
            return owner.id, ensure_owner_key(session, clock, owner, "secret")

    with ThreadPoolExecutor(10) as pool:
        assert len(set(pool.map(begin, range(10)))) == 1
    with database.transaction() as session:
        assert session.scalar(select(func.count()).select_from(Account)) == 1
