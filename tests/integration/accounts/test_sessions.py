"""Browsers that are signed in, on the real database."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from easel.accounts.queries import create_account
from easel.accounts.sessions import (
    AGENT_LIMIT,
    LIFETIME,
    end_session,
    end_sessions,
    find_session,
    list_sessions,
    open_session,
)
from easel.accounts.tables import Account, BrowserSession
from easel.db.session import Database
from easel.domain.errors import NotFound
from easel.kit.clock import SettableClock


@pytest.fixture
def account(session: Session, clock: SettableClock) -> Account:
    return create_account(session, clock, "ann")


def test_a_token_finds_its_session_and_account(session: Session, clock: SettableClock, account: Account) -> None:
    found = find_session(session, clock, open_session(session, clock, account.id, "Firefox"))
    assert found
    assert (found[0].agent, found[1].id) == ("Firefox", account.id)


def test_the_token_itself_is_not_stored(session: Session, clock: SettableClock, account: Account) -> None:
    token = open_session(session, clock, account.id)
    stored = session.query(BrowserSession).one()
    assert token not in {str(getattr(stored, column.name)) for column in BrowserSession.__table__.columns}


@pytest.mark.parametrize("token", ["", "guess", "\x00", "\ud800", "x" * 100_000])
def test_an_unknown_token_is_nobody(session: Session, clock: SettableClock, token: str) -> None:
    assert find_session(session, clock, token) is None


def test_a_session_runs_out(session: Session, clock: SettableClock, account: Account) -> None:
    token = open_session(session, clock, account.id)
    clock.advance(LIFETIME - timedelta(seconds=1))
    assert find_session(session, clock, token)
    clock.advance(timedelta(seconds=1))
    assert find_session(session, clock, token) is None
    assert list_sessions(session, clock, account.id) == []


def test_what_ran_out_is_swept_up(session: Session, clock: SettableClock, account: Account) -> None:
    open_session(session, clock, account.id)
    clock.advance(LIFETIME)
    open_session(session, clock, account.id)
    assert session.scalar(select(func.count()).select_from(BrowserSession)) == 1


def test_an_ended_session_is_nobody(session: Session, clock: SettableClock, account: Account) -> None:
    mine, other = (open_session(session, clock, account.id) for _ in range(2))
    found = find_session(session, clock, mine)
    assert found
    end_session(session, account.id, found[0].id)
    assert find_session(session, clock, mine) is None
    assert find_session(session, clock, other)


@pytest.mark.parametrize("number", [0, -1, 2**63, 10**30, 999])
def test_a_session_that_is_not_there_is_not_found(session: Session, account: Account, number: int) -> None:
    with pytest.raises(NotFound, match="signed out already"):
        end_session(session, account.id, number)


def test_nobody_ends_anothers_session(session: Session, clock: SettableClock, account: Account) -> None:
    stranger = create_account(session, clock, "bob")
    token = open_session(session, clock, account.id)
    number = list_sessions(session, clock, account.id)[0].id
    with pytest.raises(NotFound):
        end_session(session, stranger.id, number)
    end_sessions(session, stranger.id)
    assert find_session(session, clock, token)


def test_all_are_ended_but_the_one_that_asks(session: Session, clock: SettableClock, account: Account) -> None:
    mine, *others = (open_session(session, clock, account.id) for _ in range(3))
    found = find_session(session, clock, mine)
    assert found
    end_sessions(session, account.id, but=found[0].id)
    assert find_session(session, clock, mine)
    assert not any(find_session(session, clock, other) for other in others)
    end_sessions(session, account.id)
    assert find_session(session, clock, mine) is None


def test_the_last_one_used_comes_first(session: Session, clock: SettableClock, account: Account) -> None:
    first = open_session(session, clock, account.id, "first")
    open_session(session, clock, account.id, "second")
    assert [one.agent for one in list_sessions(session, clock, account.id)] == ["second", "first"]
    clock.advance(timedelta(minutes=6))
    find_session(session, clock, first)
    session.expire_all()
    assert [one.agent for one in list_sessions(session, clock, account.id)] == ["first", "second"]


def test_an_agent_is_kept_as_printable_text_of_a_limited_length(
    session: Session, clock: SettableClock, account: Account
) -> None:
    open_session(session, clock, account.id, "a\x00b\n" + "c" * 10_000)
    assert list_sessions(session, clock, account.id)[0].agent == ("ab" + "c" * 10_000)[:AGENT_LIMIT]


def test_nobody_waits_for_another_request_to_note_the_visit(database: Database, clock: SettableClock) -> None:
    with database.transaction() as session:
        token = open_session(session, clock, create_account(session, clock, "ann").id)
    clock.advance(timedelta(minutes=6))

    def visit() -> bool:
        with database.transaction() as session:
            return find_session(session, clock, token) is not None

    with database.transaction() as slow:
        find_session(slow, clock, token)  # holds the row until this block ends
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(visit).result(timeout=5)
