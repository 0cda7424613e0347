"""One's own account and keys."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from house import House

from easel.accounts import passwords
from easel.accounts.keys import authenticate, create_key, list_keys
from easel.accounts.owner import ensure_owner
from easel.accounts.queries import create_account, get_account, set_role
from easel.accounts.tables import Account, Role, Scope
from easel.domain.errors import NotAuthenticated
from easel.gateway.app import create_app
from easel.gateway.services import Services
from easel.kit.clock import SettableClock
from easel.site.context import Doors

ANN = "ann@example.org"
PASSWORD = "three quiet easels"
NEW = "four louder easels"


@pytest.fixture
def ann(services: Services, clock: SettableClock) -> Account:
    with services.database.transaction() as session:
        account = create_account(session, clock, "ann", ANN, "free")
        account.password_hash = passwords.hashed(PASSWORD)
        return account


@pytest.fixture
def inside(house: House, ann: Account) -> House:
    house.sign_in(ann)
    return house


def elsewhere(house: House, account: Account) -> House:
    """The same account in another browser."""
    other = House(house.services, house.clock, TestClient(house.browser.app, base_url="http://easel.test"))
    other.browser.headers["user-agent"] = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"
    other.sign_in(account)
    return other


def now(house: House, account: Account) -> Account:
    with house.services.database.transaction() as session:
        return get_account(session, account.id)


def form(house: House, page: str, to: str, **typed: Any) -> Any:
    return house.send(page, to, **typed)


def is_in(house: House) -> bool:
    return "Sign out" in house.browser.get("/").text


PAGES = (
    "/account",
    "/account/wallet",
    "/account/wallet/statement.csv",
    "/account/pictures",
    "/account/usage",
    "/account/usage.csv",
    "/account/webhooks",
    "/account/plan",
    "/account/keys",
    "/account/profile",
)


@pytest.mark.parametrize("page", PAGES)
def test_a_stranger_is_led_to_the_sign_in_and_back(house: House, ann: Account, page: str) -> None:
    answer = house.browser.get(page)
    assert answer.url.path == "/login"
    assert answer.url.params["then"] == page


@pytest.mark.parametrize(
    "path",
    [
        "/account/name",
        "/account/email",
        "/account/password",
        "/account/sessions/end",
        "/account/sessions/1/end",
        "/account/keys",
        "/account/keys/1/cap",
        "/account/keys/1/revoke",
        "/account/wallet",
        "/account/plan",
        "/account/plan/renewal",
    ],
)
def test_a_form_of_another_site_changes_nothing(inside: House, ann: Account, path: str) -> None:
    with inside.services.database.transaction() as session:
        create_key(session, inside.clock, ann.id, "mine")
    sent = {"name": "eve", "email": "eve@example.org", "password": PASSWORD, "new_password": NEW, "scopes": "read"}
    for csrf in ("", "guessed"):
        assert inside.browser.post(path, data=sent | {"csrf": csrf}).status_code == 401
    account = now(inside, ann)
    assert (account.name, account.email, account.password_hash) == ("ann", ANN, ann.password_hash)
    with inside.services.database.transaction() as session:
        assert [key.revoked_at for key in list_keys(session, ann.id)] == [None]
    assert is_in(inside)


class TestProfile:
    def test_a_name_is_changed(self, inside: House, ann: Account) -> None:
        assert "Your name is changed." in form(inside, "/account/profile", "/account/name", name=" Ann B. ").text
        assert now(inside, ann).name == "Ann B."

    @pytest.mark.parametrize("name", ["", "12", "bob@example.org", "x" * 101])
    def test_an_unfit_name_is_refused_beside_the_field(self, inside: House, ann: Account, name: str) -> None:
        answer = form(inside, "/account/profile", "/account/name", name=name)
        assert answer.status_code == 422
        assert "Name must be 1 to 100" in answer.text
        assert now(inside, ann).name == "ann"

    def test_an_e_mail_is_changed_with_the_password_and_the_old_address_told(self, inside: House, ann: Account) -> None:
        wrong = form(inside, "/account/profile", "/account/email", email="new@example.org", password="wrong")
        assert wrong.status_code == 422
        assert "Password is not the one that this account has now" in wrong.text
        answer = form(inside, "/account/profile", "/account/email", email="New@example.org", password=PASSWORD)
        assert "Your e-mail is changed." in answer.text
        assert (now(inside, ann).email, now(inside, ann).email_verified_at) == ("new@example.org", None)
        assert [(letter.to, letter.subject) for letter in inside.mailed()] == [(ANN, "Your e-mail was changed")]

    def test_an_e_mail_that_another_has_is_refused(self, inside: House, ann: Account) -> None:
        with inside.services.database.transaction() as session:
            create_account(session, inside.clock, "bob", "bob@example.org")
        answer = form(inside, "/account/profile", "/account/email", email="bob@example.org", password=PASSWORD)
        assert answer.status_code == 409
        assert now(inside, ann).email == ANN

    def test_where_addresses_are_proved_the_link_makes_the_change(self, inside: House, ann: Account) -> None:
        services = replace(inside.services, doors=Doors(verify_email=True))
        careful = House(
            services, inside.clock, TestClient(create_app(services), base_url="http://easel.test"), inside.mailbox
        )
        careful.sign_in(ann)
        answer = form(careful, "/account/profile", "/account/email", email="new@example.org", password=PASSWORD)
        assert "A link is on its way" in answer.text
        assert now(careful, ann).email == ANN
        link = careful.opened()
        assert careful.mailed()[-1].to == "new@example.org"
        careful.browser.get(link)  # looking changes nothing
        assert now(careful, ann).email == ANN
        careful.browser.cookies.clear()  # opened on a telephone
        token = link.partition("token=")[2]
        careful.send(link, token=token)
        assert now(careful, ann).email == "new@example.org"
        assert now(careful, ann).email_verified_at
        assert careful.mailed()[-1].to == ANN
        assert careful.browser.get(link).status_code == 401

    def test_a_password_is_changed_and_other_browsers_signed_out(self, inside: House, ann: Account) -> None:
        other = elsewhere(inside, ann)
        answer = form(inside, "/account/profile", "/account/password", password=PASSWORD, new_password=NEW)
        assert "Your password is changed" in answer.text
        assert is_in(inside)
        assert not is_in(other)
        assert passwords.matches(now(inside, ann).password_hash, NEW)
        assert inside.mailed()[-1].subject == "Your password was changed"

    def test_the_old_password_is_asked_for_and_guessing_it_is_limited(self, inside: House, ann: Account) -> None:
        answers = [
            form(inside, "/account/profile", "/account/password", password=f"guess {number}", new_password=NEW)
            for number in range(11)
        ]
        assert [answer.status_code for answer in answers] == [422] * 10 + [429]
        assert now(inside, ann).password_hash == ann.password_hash

    def test_a_weak_new_password_is_refused_beside_its_own_field(self, inside: House) -> None:
        answer = form(inside, "/account/profile", "/account/password", password=PASSWORD, new_password="short")
        assert "New password must be 10 to 200 characters" in answer.text

    def test_who_came_by_link_sets_a_first_password(self, house: House, clock: SettableClock) -> None:
        with house.services.database.transaction() as session:
            owner = ensure_owner(session, clock)
        house.sign_in(owner)
        assert "Set a password" in house.browser.get("/account/profile").text
        form(house, "/account/profile", "/account/email", email="owner@example.org")
        form(house, "/account/profile", "/account/password", new_password=NEW)
        house.browser.cookies.clear()
        assert house.send("/login", email="owner@example.org", password=NEW).status_code == 200
        assert is_in(house)


class TestBrowsers:
    def test_they_are_listed_and_one_is_signed_out(self, inside: House, ann: Account) -> None:
        other = elsewhere(inside, ann)
        page = inside.browser.get("/account/profile").text
        assert "this browser" in page
        assert "Firefox on Linux" in page
        [end] = re.findall(r'action="(/account/sessions/\d+/end)"', page)
        assert "That browser is signed out." in form(inside, "/account/profile", end).text
        assert not is_in(other)
        assert is_in(inside)
        assert "That browser is signed out." in form(inside, "/account/profile", end).text  # once more is no matter

    def test_all_are_signed_out(self, inside: House, ann: Account) -> None:
        other = elsewhere(inside, ann)
        assert form(inside, "/account/profile", "/account/sessions/end").url.path == "/login"
        assert not is_in(inside)
        assert not is_in(other)

    def test_anothers_browser_stays(self, inside: House, ann: Account, ada: Account) -> None:
        other = elsewhere(inside, ada)
        for number in range(1, 4):
            if f"/account/sessions/{number}/end" not in inside.browser.get("/account/profile").text:
                form(inside, "/account/profile", f"/account/sessions/{number}/end")
        assert is_in(other)


class TestKeys:
    def made(self, house: House, **typed: Any) -> str:
        answer = form(house, "/account/keys", "/account/keys", **typed)
        found = re.search(r'<code id="secret">(easel_[\w-]{43})</code>', answer.text)
        assert found, answer.text
        assert answer.headers["cache-control"] == "no-store"
        return found[1]

    def test_a_key_is_shown_once_and_works(self, inside: House, ann: Account) -> None:
        secret = self.made(inside, name="laptop", scopes=["read"])
        page = inside.browser.get("/account/keys").text
        assert secret not in page
        assert secret[:12] in page
        assert "never used" in page
        inside.clock.advance(timedelta(minutes=5))
        with inside.services.database.transaction() as session:
            key = authenticate(session, inside.clock, secret, Scope.READ)
            assert (key.account_id, key.scopes) == (ann.id, ["read"])
        assert "never used" not in inside.browser.get("/account/keys").text

    def test_a_revoked_key_works_no_more(self, inside: House, ann: Account) -> None:
        secret = self.made(inside, name="laptop", scopes=["read", "generate"])
        [end] = re.findall(r'action="(/account/keys/\d+/revoke)"', inside.browser.get("/account/keys").text)
        assert "1 revoked" in form(inside, "/account/keys", end).text
        with inside.services.database.transaction() as session, pytest.raises(NotAuthenticated):
            authenticate(session, inside.clock, secret, Scope.READ)

    @pytest.mark.parametrize(
        ("typed", "says"),
        [
            ({"name": "", "scopes": ["read"]}, "Name must be 1 to 100"),
            ({"name": "laptop"}, "Scopes must be one or more"),
            ({"name": "laptop", "scopes": ["paint"]}, "Scopes must be one or more"),
        ],
    )
    def test_what_is_unfit_is_said(self, inside: House, ann: Account, typed: dict[str, Any], says: str) -> None:
        answer = form(inside, "/account/keys", "/account/keys", **typed)
        assert answer.status_code == 422
        assert says in answer.text
        with inside.services.database.transaction() as session:
            assert list_keys(session, ann.id) == []

    def test_admin_is_offered_to_operators_only(self, inside: House, ann: Account) -> None:
        assert 'value="admin"' not in inside.browser.get("/account/keys").text
        answer = form(inside, "/account/keys", "/account/keys", name="x", scopes=["admin"])
        assert answer.status_code == 403
        with inside.services.database.transaction() as session:
            set_role(session, ensure_owner(session, inside.clock), ann.id, Role.ADMIN)
        assert 'value="admin"' in inside.browser.get("/account/keys").text
        self.made(inside, name="x", scopes=["admin"])

    def test_anothers_key_stays(self, inside: House, ada: Account) -> None:
        with inside.services.database.transaction() as session:
            key, secret = create_key(session, inside.clock, ada.id, "hers")
        assert form(inside, "/account/keys", f"/account/keys/{key.id}/revoke").status_code == 404
        with inside.services.database.transaction() as session:
            assert authenticate(session, inside.clock, secret, Scope.READ)

    def test_a_cap_is_set_shown_and_taken_off(self, inside: House, ann: Account) -> None:
        self.made(inside, name="agent", scopes=["generate"], total="$5", monthly="1.50")
        page = inside.browser.get("/account/keys").text
        assert "$5.00 in all and $1.50 a month; $1.50 is left" in page
        [change] = re.findall(r'action="(/account/keys/\d+/cap)"', page)
        assert "May spend $0.25 in all; $0.25 is left" in form(inside, "/account/keys", change, total="0.25").text
        assert "May spend" not in form(inside, "/account/keys", change).text

    @pytest.mark.parametrize(
        ("typed", "says"),
        [
            ({"total": "much"}, "is no amount of dollars"),
            ({"total": "-1"}, "A cap is from $0.00"),
            ({"monthly": "0.00000001"}, "at most six decimal places"),
        ],
    )
    def test_a_cap_that_is_no_amount_makes_no_key(
        self, inside: House, ann: Account, typed: dict[str, str], says: str
    ) -> None:
        answer = form(inside, "/account/keys", "/account/keys", name="agent", scopes=["read"], **typed)
        assert answer.status_code == 422
        assert says in answer.text
        assert 'value="agent"' in answer.text
        with inside.services.database.transaction() as session:
            assert list_keys(session, ann.id) == []

    def test_anothers_key_keeps_its_cap(self, inside: House, ada: Account) -> None:
        with inside.services.database.transaction() as session:
            key, _ = create_key(session, inside.clock, ada.id, "hers")
        assert form(inside, "/account/keys", f"/account/keys/{key.id}/cap", total="1").status_code == 404

    def test_a_name_is_only_text(self, inside: House) -> None:
        self.made(inside, name="<script>alert(1)</script>", scopes=["read"])
        assert "<script>alert" not in inside.browser.get("/account/keys").text
