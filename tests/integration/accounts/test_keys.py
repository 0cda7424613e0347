"""API keys on the real database."""

import re
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from threading import Event

import pytest
from sqlalchemy.orm import Session

from easel.accounts.keys import authenticate, create_key, list_keys, revoke_key
from easel.accounts.queries import create_account, get_account
from easel.accounts.tables import Account, Role, Scope
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
        assert authenticate(session, clock, secret, Scope.READ).account_id == account.id

    @pytest.mark.parametrize("secret", ["", "easel_", "easel_" + "A" * 43, "x" * 1_000_000, "\x00", "\ud800"])
    def test_a_key_that_nobody_has_is_refused(self, session: Session, clock: SettableClock, secret: str) -> None:
        with pytest.raises(NotAuthenticated, match="Invalid API key"):
            authenticate(session, clock, secret, Scope.READ)

    def test_a_key_with_other_case_is_refused(self, session: Session, clock: SettableClock, account: Account) -> None:
        _, secret = create_key(session, clock, account.id, "laptop")
        with pytest.raises(NotAuthenticated):
            authenticate(session, clock, secret.swapcase(), Scope.READ)

    def test_a_suspended_account_is_told_so(self, session: Session, clock: SettableClock, account: Account) -> None:
        _, secret = create_key(session, clock, account.id, "laptop")
        account.suspended_at = clock.now()
        with pytest.raises(NotAllowed, match="suspended"):
            authenticate(session, clock, secret, Scope.READ)

    def test_use_is_noted_at_most_once_a_minute(self, session: Session, clock: SettableClock, account: Account) -> None:
        key, secret = create_key(session, clock, account.id, "laptop")
        first = clock.now()
        for seconds, noted in [(0, 0), (59, 0), (1, 60), (30, 60)]:
            clock.advance(timedelta(seconds=seconds))
            authenticate(session, clock, secret, Scope.READ)
            session.refresh(key)
            assert key.last_used_at == first + timedelta(seconds=noted)

    def test_nobody_waits_for_another_request_to_note_the_use(self, database: Database, clock: SettableClock) -> None:
        with database.transaction() as session:
            _, secret = create_key(session, clock, create_account(session, clock, "ann").id, "laptop")
        with database.transaction() as slow:
            authenticate(slow, clock, secret, Scope.READ)  # holds the key's row until this block ends
            with ThreadPoolExecutor(1) as pool:
                assert pool.submit(_authenticate_elsewhere, database, clock, secret).result(timeout=5) == "ann"


def _authenticate_elsewhere(database: Database, clock: SettableClock, secret: str) -> str:
    with database.transaction() as session:
        return authenticate(session, clock, secret, Scope.READ).account.name


class TestScopes:
    def test_a_key_orders_and_looks_unless_it_is_said_otherwise(
        self, session: Session, clock: SettableClock, account: Account
    ) -> None:
        key, secret = create_key(session, clock, account.id, "laptop")
        assert key.scopes == ["generate", "read"]
        for scope in (Scope.GENERATE, Scope.READ):
            assert authenticate(session, clock, secret, scope).id == key.id

    @pytest.mark.parametrize("given", Scope)
    @pytest.mark.parametrize("asked", Scope)
    def test_a_key_is_good_for_its_own_scopes_only(
        self, session: Session, clock: SettableClock, account: Account, given: Scope, asked: Scope
    ) -> None:
        account.role = Role.ADMIN
        session.flush()
        _, secret = create_key(session, clock, account.id, "narrow", [given])
        if given == asked:
            assert authenticate(session, clock, secret, asked).account_id == account.id
        else:
            with pytest.raises(NotAllowed, match=f"may be used for {given}, and this needs {asked}; make a key"):
                authenticate(session, clock, secret, asked)

    @pytest.mark.parametrize("scopes", [[], ["paint"], ["read", "paint"], ["READ"], [""]])
    def test_unfit_scopes_are_refused(
        self, session: Session, clock: SettableClock, account: Account, scopes: list[str]
    ) -> None:
        with pytest.raises(InvalidRequest, match="one or more of generate, read, admin"):
            create_key(session, clock, account.id, "laptop", scopes)

    def test_a_scope_said_twice_is_kept_once(self, session: Session, clock: SettableClock, account: Account) -> None:
        key, _ = create_key(session, clock, account.id, "laptop", ["read", "generate", "read"])
        assert key.scopes == ["generate", "read"]

    def test_a_member_makes_no_admin_key(self, session: Session, clock: SettableClock, account: Account) -> None:
        with pytest.raises(NotAllowed, match="Only keys of an owner or admin"):
            create_key(session, clock, account.id, "laptop", [Scope.ADMIN])

    def test_who_is_no_admin_any_more_has_no_admin_keys(
        self, session: Session, clock: SettableClock, account: Account
    ) -> None:
        account.role = Role.ADMIN
        session.flush()
        _, secret = create_key(session, clock, account.id, "all", Scope)
        assert authenticate(session, clock, secret, Scope.ADMIN)
        account.role = Role.MEMBER
        session.flush()
        with pytest.raises(NotAllowed, match="the account of this key is a member"):
            authenticate(session, clock, secret, Scope.ADMIN)
        assert authenticate(session, clock, secret, Scope.GENERATE)


class TestRevokeKey:
    def test_a_key_in_heavy_use_is_refused_from_the_moment_it_is_revoked(
        self, database: Database, clock: SettableClock
    ) -> None:
        with database.transaction() as session:
            key, secret = create_key(session, clock, create_account(session, clock, "ann").id, "busy")
        revoked = Event()

        def use(_: int) -> str:
            """What became of a use, and whether the key was revoked before it began."""
            late = revoked.is_set()
            try:
                with database.transaction() as session:
                    authenticate(session, clock, secret, Scope.READ)
            except NotAuthenticated:
                return "late and refused" if late else "refused"
            return "late and accepted" if late else "accepted"

        def revoke() -> None:
            with database.transaction() as session:
                revoke_key(session, clock, key.account_id, key.id)
            revoked.set()

        with ThreadPoolExecutor(8) as pool:
            before = [pool.submit(use, number) for number in range(40)]
            end = [pool.submit(revoke) for _ in range(3)]
            during = [pool.submit(use, number) for number in range(40)]
            wait(end)
            after = [pool.submit(use, number) for number in range(8)]
        became = [use.result() for use in (*before, *during, *after)]
        assert [one.result() for one in end] == [None] * 3
        assert "accepted" in became
        assert became[-8:] == ["late and refused"] * 8
        assert "late and accepted" not in became

    def test_a_revoked_key_is_refused(self, session: Session, clock: SettableClock, account: Account) -> None:
        key, secret = create_key(session, clock, account.id, "laptop")
        revoke_key(session, clock, account.id, key.id)
        with pytest.raises(NotAuthenticated):
            authenticate(session, clock, secret, Scope.READ)

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
        assert authenticate(session, clock, secret, Scope.READ).account_id == account.id

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
        assert authenticate(session, clock, kept, Scope.READ).account_id == account.id


def test_keys_are_listed_oldest_first_and_only_the_accounts_own(
    session: Session, clock: SettableClock, account: Account
) -> None:
    stranger = create_account(session, clock, "bob")
    create_key(session, clock, stranger.id, "not mine")
    for name in ["first", "second"]:
        create_key(session, clock, account.id, name)
    assert [key.name for key in list_keys(session, account.id)] == ["first", "second"]
    assert get_account(session, account.id) is account
