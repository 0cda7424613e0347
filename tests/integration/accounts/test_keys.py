"""API keys on the real database."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from easel.accounts.keys import authenticate, create_key, list_keys, revoke_key
from easel.accounts.queries import create_account, get_account
from easel.accounts.tables import Account
from easel.db.session import Database
from easel.domain.errors import InvalidRequest, NotAllowed, NotAuthenticated, NotFound
from easel.kit.clock import SettableClock


@pytest.fixture
def account(session: Session, clock: SettableClock) -> Account:
    return create_account(session, clock, "ann")


class TestCreateKey:
    def test_a_key_is_easel_and_43_url_safe_characters(
        self, session: Session, clock: SettableClock, account: Account
    ) -> None:
        _, secret = create_key(session, clock, account.id, "laptop")
        assert re.fullmatch(r"easel_[A-Za-z0-9_-]{43}", secret)

    def test_only_the_hash_and_the_first_characters_are_stored(
        self, session: Session, clock: SettableClock, account: Account
    ) -> None:
        key, secret = create_key(session, clock, account.id, "laptop")
        stored = {column.name: getattr(key, column.name) for column in key.__table__.columns}
        assert secret not in map(str, stored.values())
        assert key.prefix == secret[:12]

    @pytest.mark.parametrize("name", ["", "  ", "a\x00b", "x" * 101])
    def test_an_unfit_name_is_refused(
        self, session: Session, clock: SettableClock, account: Account, name: str
    ) -> None:
        with pytest.raises(InvalidRequest, match="name must be"):
            create_key(session, clock, account.id, name)


class TestAuthenticate:
    def test_a_key_names_its_account(self, session: Session, clock: SettableClock, account: Account) -> None:
        _, secret = create_key(session, clock, account.id, "laptop")
        assert authenticate(session, clock, secret).id == account.id

    @pytest.mark.parametrize("secret", ["", "easel_", "easel_" + "A" * 43, "x" * 1_000_000, "\x00", "\ud800"])
    def test_a_key_that_nobody_has_is_refused(self, session: Session, clock: SettableClock, secret: str) -> None:
        with pytest.raises(NotAuthenticated, match="Invalid API key"):
            authenticate(session, clock, secret)

    def test_a_key_with_other_case_is_refused(self, session: Session, clock: SettableClock, account: Account) -> None:
        _, secret = create_key(session, clock, account.id, "laptop")
        with pytest.raises(NotAuthenticated):
            authenticate(session, clock, secret.swapcase())

    def test_a_suspended_account_is_told_so(self, session: Session, clock: SettableClock, account: Account) -> None:
        _, secret = create_key(session, clock, account.id, "laptop")
        account.suspended_at = clock.now()
        with pytest.raises(NotAllowed, match="suspended"):
            authenticate(session, clock, secret)

    def test_use_is_noted_at_most_once_a_minute(self, session: Session, clock: SettableClock, account: Account) -> None:
        key, secret = create_key(session, clock, account.id, "laptop")
        first = clock.now()
        for seconds, noted in [(0, 0), (59, 0), (1, 60), (30, 60)]:
            clock.advance(timedelta(seconds=seconds))
            authenticate(session, clock, secret)
            session.refresh(key)
            assert key.last_used_at == first + timedelta(seconds=noted)

    def test_nobody_waits_for_another_request_to_note_the_use(self, database: Database, clock: SettableClock) -> None:
        with database.transaction() as session:
            _, secret = create_key(session, clock, create_account(session, clock, "ann").id, "laptop")
        with database.transaction() as slow:
            authenticate(slow, clock, secret)  # holds the key's row until this block ends
            with ThreadPoolExecutor(1) as pool:
                assert pool.submit(_authenticate_elsewhere, database, clock, secret).result(timeout=5) == "ann"


def _authenticate_elsewhere(database: Database, clock: SettableClock, secret: str) -> str:
    with database.transaction() as session:
        return authenticate(session, clock, secret).name


class TestRevokeKey:
    def test_a_revoked_key_is_refused(self, session: Session, clock: SettableClock, account: Account) -> None:
        key, secret = create_key(session, clock, account.id, "laptop")
        revoke_key(session, clock, account.id, key.id)
        with pytest.raises(NotAuthenticated):
            authenticate(session, clock, secret)

    def test_twice_is_once(self, session: Session, clock: SettableClock, account: Account) -> None:
        key, _ = create_key(session, clock, account.id, "laptop")
        revoke_key(session, clock, account.id, key.id)
        first = key.revoked_at
        clock.advance(timedelta(hours=1))
        revoke_key(session, clock, account.id, key.id)
        assert key.revoked_at == first

    def test_another_accounts_key_is_not_found_and_keeps_working(
        self, session: Session, clock: SettableClock, account: Account
    ) -> None:
        stranger = create_account(session, clock, "bob")
        key, secret = create_key(session, clock, account.id, "laptop")
        with pytest.raises(NotFound, match=f"no key {key.id}"):
            revoke_key(session, clock, stranger.id, key.id)
        assert authenticate(session, clock, secret).id == account.id

    @pytest.mark.parametrize("number", [2**63, 10**40, 0, -(10**40)])
    def test_a_number_that_no_key_can_have_is_not_found(
        self, session: Session, clock: SettableClock, account: Account, number: int
    ) -> None:
        with pytest.raises(NotFound, match=f"no key {number}"):
            revoke_key(session, clock, account.id, number)

    def test_other_keys_of_the_account_keep_working(
        self, session: Session, clock: SettableClock, account: Account
    ) -> None:
        lost, _ = create_key(session, clock, account.id, "lost")
        _, kept = create_key(session, clock, account.id, "kept")
        revoke_key(session, clock, account.id, lost.id)
        assert authenticate(session, clock, kept).id == account.id


def test_keys_are_listed_oldest_first_and_only_the_accounts_own(
    session: Session, clock: SettableClock, account: Account
) -> None:
    stranger = create_account(session, clock, "bob")
    create_key(session, clock, stranger.id, "not mine")
    for name in ["first", "second"]:
        create_key(session, clock, account.id, name)
    assert [key.name for key in list_keys(session, account.id)] == ["first", "second"]
    assert get_account(session, account.id) is account
