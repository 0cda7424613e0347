"""Accounts: made, found, changed."""

import pytest
from sqlalchemy.orm import Session

from easel.accounts.queries import create_account, find_account, get_account, list_accounts
from easel.accounts.tables import Role
from easel.domain.errors import Conflict, InvalidRequest, NotFound
from easel.kit.clock import SettableClock


class TestCreateAccount:
    def test_a_new_account_pays_as_it_goes(self, session: Session, clock: SettableClock) -> None:
        account = create_account(session, clock, " ann ")
        assert (account.name, account.email, account.plan, account.role) == ("ann", None, "pay-as-you-go", Role.MEMBER)
        assert account.created_at == clock.now()

    def test_an_email_is_kept_in_lower_case(self, session: Session, clock: SettableClock) -> None:
        assert create_account(session, clock, "ann", " Ann@Example.ORG ").email == "ann@example.org"

    @pytest.mark.parametrize("name", ["", " ", "x" * 101, "a\x00b", "a\nb", "12", "\ud800", "a@b.c"])
    def test_an_unfit_name_is_refused(self, session: Session, clock: SettableClock, name: str) -> None:
        with pytest.raises(
            InvalidRequest, match="name must be 1 to 100 printable characters, not a number and no e-mail"
        ):
            create_account(session, clock, name)

    @pytest.mark.parametrize(
        "email", ["", "ann", "@example.org", "ann@", "a b@example.org", "a\x00@b.c", "x" * 251 + "@b.c"]
    )
    def test_an_unfit_email_is_refused(self, session: Session, clock: SettableClock, email: str) -> None:
        with pytest.raises(InvalidRequest, match="email must look like name@example"):
            create_account(session, clock, "ann", email)

    def test_an_email_belongs_to_one_account(self, session: Session, clock: SettableClock) -> None:
        create_account(session, clock, "ann", "ann@example.org")
        with pytest.raises(Conflict, match="already an account with the email"):
            create_account(session, clock, "another ann", "ANN@example.org")

    def test_a_name_may_be_shared_by_accounts_with_emails(self, session: Session, clock: SettableClock) -> None:
        for number in range(2):
            create_account(session, clock, "ann", f"ann{number}@example.org")
        with pytest.raises(Conflict, match="already an account called ann"):
            create_account(session, clock, "ann")


class TestFindAccount:
    @pytest.mark.parametrize("wanted", ["ann", "ann@example.org", "ANN@example.org"])
    def test_by_name_or_email(self, session: Session, clock: SettableClock, wanted: str) -> None:
        account = create_account(session, clock, "ann", "ann@example.org")
        create_account(session, clock, "bob", "bob@example.org")
        assert find_account(session, wanted).id == account.id

    def test_by_number(self, session: Session, clock: SettableClock) -> None:
        account = create_account(session, clock, "ann")
        assert find_account(session, str(account.id)).id == account.id

    @pytest.mark.parametrize("wanted", ["nobody", "", "99", "9" * 18])
    def test_nobody_is_not_found(self, session: Session, wanted: str) -> None:
        with pytest.raises(NotFound, match="There is no account"):
            find_account(session, wanted)

    def test_a_shared_name_asks_for_the_number(self, session: Session, clock: SettableClock) -> None:
        numbers = [str(create_account(session, clock, "ann", f"{n}@example.org").id) for n in range(2)]
        with pytest.raises(Conflict, match=f"say which by its number: {', '.join(numbers)}"):
            find_account(session, "ann")


def test_an_unknown_account_is_not_found(session: Session) -> None:
    with pytest.raises(NotFound, match="There is no account 7"):
        get_account(session, 7)


def test_accounts_are_listed_oldest_first(session: Session, clock: SettableClock) -> None:
    for name in ("zoe", "ann"):
        create_account(session, clock, name)
    assert [account.name for account in list_accounts(session)] == ["zoe", "ann"]
