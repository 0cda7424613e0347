"""Links that sign somebody in, once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy.orm import Session

from easel.accounts.queries import create_account
from easel.accounts.sign_in import create_sign_in_token, redeem_sign_in_token
from easel.accounts.tables import Account, OneTimeToken
from easel.db.session import Database
from easel.domain.errors import NotAllowed, NotAuthenticated
from easel.kit.clock import SettableClock

HOUR = timedelta(hours=1)


@pytest.fixture
def account(session: Session, clock: SettableClock) -> Account:
    return create_account(session, clock, "ann")


def test_a_token_signs_its_account_in(session: Session, clock: SettableClock, account: Account) -> None:
    token = create_sign_in_token(session, clock, account.id, HOUR)
    assert redeem_sign_in_token(session, clock, token).id == account.id


def test_a_token_works_once(session: Session, clock: SettableClock, account: Account) -> None:
    token = create_sign_in_token(session, clock, account.id, HOUR)
    redeem_sign_in_token(session, clock, token)
    with pytest.raises(NotAuthenticated, match="has been used or has run out; ask for a new one"):
        redeem_sign_in_token(session, clock, token)


@pytest.mark.parametrize(("waited", "works"), [(HOUR - timedelta(seconds=1), True), (HOUR, False), (2 * HOUR, False)])
def test_a_token_runs_out(
    session: Session, clock: SettableClock, account: Account, waited: timedelta, works: bool
) -> None:
    token = create_sign_in_token(session, clock, account.id, HOUR)
    clock.advance(waited)
    if works:
        assert redeem_sign_in_token(session, clock, token).id == account.id
    else:
        with pytest.raises(NotAuthenticated):
            redeem_sign_in_token(session, clock, token)


@pytest.mark.parametrize("token", ["", "guess", "\x00", "\ud800", "x" * 100_000])
def test_an_unknown_token_is_refused(session: Session, clock: SettableClock, token: str) -> None:
    with pytest.raises(NotAuthenticated):
        redeem_sign_in_token(session, clock, token)


def test_a_suspended_account_is_not_signed_in(session: Session, clock: SettableClock, account: Account) -> None:
    token = create_sign_in_token(session, clock, account.id, HOUR)
    account.suspended_at = clock.now()
    with pytest.raises(NotAllowed, match="suspended"):
        redeem_sign_in_token(session, clock, token)


def test_the_token_itself_is_not_stored(session: Session, clock: SettableClock, account: Account) -> None:
    token = create_sign_in_token(session, clock, account.id, HOUR)
    stored = session.query(OneTimeToken).one()
    assert token not in {str(getattr(stored, column.name)) for column in OneTimeToken.__table__.columns}


def test_of_many_clicks_at_once_one_wins(database: Database, clock: SettableClock) -> None:
    with database.transaction() as session:
        token = create_sign_in_token(session, clock, create_account(session, clock, "ann").id, HOUR)
    start = Barrier(10)

    def click(_: int) -> bool:
        try:
            with database.transaction() as session:
                session.connection()  # connecting takes longer than the race
                start.wait(timeout=30)
                redeem_sign_in_token(session, clock, token)
        except NotAuthenticated:
            return False
        return True

    with ThreadPoolExecutor(10) as pool:
        assert sum(pool.map(click, range(10))) == 1
