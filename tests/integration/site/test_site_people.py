"""Signing up, in and out, and a forgotten password, with the letters that are mailed."""

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from html import unescape
from threading import Barrier
from typing import Any

import pytest
from fastapi.testclient import TestClient
from house import STARTER, House, Mailbox

from easel.accounts import passwords
from easel.accounts.attempts import LETTERS_TO, SIGN_INS_AS
from easel.accounts.keys import authenticate, create_key
from easel.accounts.owner import ensure_owner
from easel.accounts.queries import create_account, find_by_email
from easel.accounts.sign_up import SignUp
from easel.accounts.tables import Account, Scope
from easel.domain.errors import NotAuthenticated
from easel.gateway.app import create_app
from easel.gateway.services import Services
from easel.generations.suspend import suspend
from easel.kit.clock import SettableClock
from easel.site.context import Doors
from easel.site.sessions import COOKIE

ANN = "ann@example.org"
PASSWORD = "three quiet easels"
NEW = "four louder easels"


@pytest.fixture
def ann(services: Services, clock: SettableClock) -> Account:
    """Has a password, and an e-mail that nobody has proved."""
    with services.database.transaction() as session:
        account = create_account(session, clock, "ann", ANN, "free")
        account.password_hash = passwords.hashed(PASSWORD)
        return account


def another(house: House, doors: Doors) -> House:
    """The same house with other doors, seen by another browser."""
    services = replace(house.services, doors=doors)
    return House(services, house.clock, TestClient(create_app(services), base_url="http://easel.test"), house.mailbox)


def is_in(house: House) -> bool:
    return "Sign out" in house.browser.get("/").text


def stored(house: House, email: str = ANN) -> Account | None:
    with house.services.database.transaction() as session:
        return find_by_email(session, email)


def login(house: House, email: str = ANN, password: str = PASSWORD, then: str = "") -> Any:
    return house.send(f"/login?then={then}", "/login", email=email, password=password, then=then)


class TestSignUp:
    def test_leads_straight_to_the_model_page_on_the_free_plan(self, house: House) -> None:
        answer = house.send("/signup", email="Ann@Example.org", password=PASSWORD)
        assert answer.status_code == 200
        assert answer.url.path == STARTER
        assert ">Generate</button>" in answer.text
        account = stored(house)
        assert account
        assert (account.name, account.plan, account.role, account.email_verified_at) == ("ann", "free", "member", None)
        assert house.ordered() > 0

    @pytest.mark.parametrize(
        ("email", "password", "says"),
        [
            ("ann", PASSWORD, "E-mail must look like"),
            (ANN, "short", "Password must be 10 to 200 characters"),
            (ANN, "password123", "Password is one of the first"),
            (ANN, "aaaaaaaaaaaa", "Password is one of the first"),
            ("ann.example@example.org", "ann.example", "Password must not be your e-mail"),
        ],
    )
    def test_what_is_unfit_is_said_beside_its_field(self, house: House, email: str, password: str, says: str) -> None:
        answer = house.send("/signup", email=email, password=password)
        assert answer.status_code == 422
        assert says in answer.text
        assert f'value="{email}"' in answer.text
        assert password not in answer.text.replace(email, "")
        assert 'aria-invalid="true"' in answer.text
        assert not is_in(house)

    def test_an_address_with_an_account_gets_no_second_one(self, house: House, ann: Account) -> None:
        answer = house.send("/signup", email=ANN, password=NEW)
        assert answer.status_code == 409
        assert "has an account already" in answer.text
        assert not is_in(house)
        assert login(house).url.path == STARTER

    def test_is_limited(self, house: House) -> None:
        answers = [
            house.send("/signup", email=f"ann{number}@example.org", password=PASSWORD).status_code
            for number in range(3)
            if not house.browser.cookies.clear()
        ]
        assert answers == [200] * 3
        for number in range(3, 12):
            house.browser.cookies.clear()
            answer = house.send("/signup", email=f"ann{number}@example.org", password=PASSWORD)
        assert answer.status_code == 429
        assert "That was tried too often; try again in" in answer.text

    @pytest.mark.parametrize("signup", [SignUp.CLOSED, SignUp.OIDC])
    def test_a_closed_door_says_whom_to_ask(self, house: House, signup: SignUp) -> None:
        closed = another(house, Doors(signup=signup))
        for answer in (closed.browser.get("/signup"), closed.browser.post("/signup", data={"email": ANN})):
            assert answer.status_code == 403
            assert "Ask them for one." in answer.text
        assert "/signup" not in closed.browser.get("/login").text

    def test_where_nobody_signs_up_the_owner_is_told_of_the_link(self, house: House) -> None:
        assert "easel serve" in another(house, Doors()).browser.get("/login").text
        assert "easel serve" not in house.browser.get("/login").text

    def test_many_at_once_make_one_account(self, house: House) -> None:
        # Made before the threads: FastAPI silences warnings while it makes an app, for the whole process at once.
        visitors = [another(house, house.services.doors) for _ in range(4)]
        start = Barrier(len(visitors))

        def sign_up(visitor: House) -> int:
            visitor.browser.get("/signup")
            start.wait(timeout=30)
            return visitor.send("/signup", email=ANN, password=PASSWORD).status_code

        with ThreadPoolExecutor(len(visitors)) as pool:
            assert sorted(pool.map(sign_up, visitors)) == [200, 409, 409, 409]


class TestSignUpByLetter:
    @pytest.fixture
    def careful(self, house: House) -> House:
        return another(house, Doors(signup=SignUp.OPEN, verify_email=True))

    def test_the_account_is_made_when_the_link_is_opened(self, careful: House) -> None:
        assert "Look into your mail" in careful.send("/signup", email=ANN).text
        assert stored(careful) is None
        [letter] = careful.mailed()
        assert letter.to == ANN
        assert str(letter.link).startswith("https://home.test/signup/confirm?token=")
        for _ in range(2):  # looking changes nothing
            assert ANN in careful.browser.get(careful.opened()).text
        answer = careful.send(careful.opened(), token=token_of(careful), password=PASSWORD)
        assert answer.url.path == STARTER
        account = stored(careful)
        assert account
        assert account.email_verified_at == careful.clock.now()

    def test_a_link_works_once(self, careful: House) -> None:
        careful.send("/signup", email=ANN)
        link, token = careful.opened(), token_of(careful)
        careful.send(link, token=token, password=PASSWORD)
        careful.browser.cookies.clear()
        assert careful.browser.get(link).status_code == 401
        assert careful.send("/forgot", "/signup/confirm", token=token, password=NEW).status_code == 401
        assert not is_in(careful)

    def test_nothing_tells_whether_an_address_has_an_account(self, careful: House, ann: Account) -> None:
        known, unknown = (careful.send("/signup", email=email) for email in (ANN, "bob@example.org"))
        assert (known.status_code, known.text) == (unknown.status_code, unknown.text)
        letters = {letter.to: letter for letter in careful.mailed()}
        assert letters[ANN].subject == "You have an account already"
        assert "/signup/confirm" not in letters[ANN].text

    def test_a_weak_password_is_refused_and_the_link_still_good(self, careful: House) -> None:
        careful.send("/signup", email=ANN)
        link, token = careful.opened(), token_of(careful)
        assert careful.send(link, token=token, password="short").status_code == 422
        assert careful.send(link, token=token, password=PASSWORD).url.path == STARTER

    def test_a_reset_token_is_no_sign_up_token(self, careful: House, ann: Account) -> None:
        careful.send("/forgot", email=ANN)
        careful.mailed()
        assert careful.browser.get(f"/signup/confirm?token={token_of(careful)}").status_code == 401


class TestLogin:
    def test_a_password_signs_in_and_leads_to_where_one_was(self, house: House, ann: Account) -> None:
        assert login(house, " ANN@example.org ", then="/models").url.path == "/models"
        assert is_in(house)

    @pytest.mark.parametrize("then", ["https://evil.example", "//evil.example", "/\\evil.example", "/%0d%0a", "models"])
    def test_nobody_is_led_elsewhere(self, house: House, ann: Account, then: str) -> None:
        answer = login(house, then=then)
        assert answer.url.host == "easel.test"

    def test_wrong_password_and_unknown_address_are_answered_alike(self, house: House, ann: Account) -> None:
        pages = [
            login(house, email, "not the right one").text.replace(email, "")
            for email in (ANN, "bob@example.org", "no address")
        ]
        assert len({re.sub('value="[^"]*"', "", page) for page in pages}) == 1
        assert "The e-mail or the password is wrong." in pages[0]
        assert not is_in(house)

    def test_an_account_without_a_password_is_not_entered(self, house: House) -> None:
        with house.services.database.transaction() as session:
            create_account(session, house.clock, "ann", ANN)
        for password in ("", "x", PASSWORD):
            assert login(house, password=password).status_code == 401

    def test_a_suspended_account_is_told_so_only_after_its_password(self, house: House, ann: Account) -> None:
        with house.services.database.transaction() as session:
            suspend(session, house.clock, ensure_owner(session, house.clock), ann.id)
        assert "suspended" in login(house).text
        assert "suspended" not in login(house, password="not the right one").text

    def test_guessing_is_slowed_down_for_known_and_unknown_alike(self, house: House, ann: Account) -> None:
        for email in (ANN, "bob@example.org"):
            answers = [login(house, email, "a wrong guess").status_code for _ in range(SIGN_INS_AS.at_once + 2)]
            assert answers == [401] * SIGN_INS_AS.at_once + [429] * 2
        assert login(house).status_code == 429
        house.clock.advance(SIGN_INS_AS.pause)
        assert login(house).url.path == STARTER

    def test_the_limit_holds_over_several_gateways(self, house: House, ann: Account) -> None:
        gateways = [another(house, house.services.doors) for _ in range(3)]
        answers = [login(gateways[number % 3], ANN, "a wrong guess").status_code for number in range(12)]
        assert answers == [401] * 10 + [429] * 2

    def test_a_form_of_another_site_signs_nobody_in(self, house: House, ann: Account) -> None:
        sent = {"email": ANN, "password": PASSWORD}
        assert house.browser.post("/login", data=sent).status_code == 401
        house.browser.get("/login")
        assert house.browser.post("/login", data={**sent, "csrf": "guessed"}).status_code == 401
        assert not is_in(house)

    def test_a_form_is_good_in_its_own_browser_only(self, house: House, ann: Account) -> None:
        other = another(house, house.services.doors)
        theirs = re.search(r'name="csrf" value="([^"]*)"', other.browser.get("/login").text)
        assert theirs
        house.browser.get("/login")
        sent = {"email": ANN, "password": PASSWORD, "csrf": unescape(theirs[1])}
        assert house.browser.post("/login", data=sent).status_code == 401

    def test_a_cookie_slipped_in_before_is_worth_nothing_after(self, house: House, ann: Account) -> None:
        """Session fixation: whoever set the cookies of a browser learns nothing of its session."""
        house.browser.get("/login")
        slipped = dict(house.browser.cookies)
        login(house)
        assert house.browser.cookies[COOKIE] not in slipped.values()
        other = another(house, house.services.doors)
        for name, value in slipped.items():
            other.browser.cookies.set(name, value)
        assert not is_in(other)

    def test_who_is_in_goes_on(self, house: House, ann: Account) -> None:
        login(house)
        assert house.browser.get("/login?then=/models").url.path == "/models"
        assert house.browser.get("/signup").url.path == STARTER

    def test_an_outdated_hash_is_renewed(self, house: House, ann: Account) -> None:
        old = "$argon2id$v=19$m=1024,t=1,p=1$c29tZXNhbHRzYWx0$"
        with house.services.database.transaction() as session:
            from argon2 import PasswordHasher

            account = session.get_one(Account, ann.id)
            account.password_hash = PasswordHasher(1, 1024, 1).hash(PASSWORD)
            assert account.password_hash.startswith(old[:20])
        assert login(house).url.path == STARTER
        account = stored(house)
        assert account
        assert not passwords.is_outdated(str(account.password_hash))
        house.browser.cookies.clear()
        assert login(house).url.path == STARTER

    def test_a_missing_page_is_missing_where_there_is_no_provider(self, house: House) -> None:
        assert house.browser.get("/login/oidc").status_code == 404
        assert house.browser.get("/login/oidc/callback?code=x&state=y").status_code == 404


def token_of(house: House) -> str:
    return house.opened().partition("token=")[2]


class TestReset:
    def ask(self, house: House, email: str = ANN) -> str:
        """The token that was mailed."""
        assert "Look into your mail" in house.send("/forgot", email=email).text
        house.mailed()
        return token_of(house)

    def choose(self, house: House, token: str, password: str = NEW) -> Any:
        return house.send(f"/reset?token={token}", token=token, password=password)

    def test_a_mailed_link_sets_a_password_and_signs_in(self, house: House, ann: Account) -> None:
        token = self.ask(house)
        assert str(house.mailed()[0].link).startswith("https://home.test/reset?token=")
        for _ in range(2):  # looking changes nothing
            assert ANN in house.browser.get(f"/reset?token={token}").text
        assert self.choose(house, token).url.path == STARTER
        assert is_in(house)
        assert house.mailed()[-1].subject == "Your password was changed"
        house.browser.cookies.clear()
        assert login(house).status_code == 401
        assert login(house, password=NEW).url.path == STARTER

    def test_every_session_of_before_is_ended(self, house: House, ann: Account) -> None:
        thief = another(house, house.services.doors)
        login(thief)
        assert is_in(thief)
        self.choose(house, self.ask(house))
        assert not is_in(thief)
        assert is_in(house)

    def test_a_link_works_once(self, house: House, ann: Account) -> None:
        token = self.ask(house)
        self.choose(house, token)
        house.browser.cookies.clear()
        assert house.browser.get(f"/reset?token={token}").status_code == 401
        assert house.send("/forgot", "/reset", token=token, password=PASSWORD).status_code == 401
        assert login(house, password=NEW).url.path == STARTER

    def test_a_link_runs_out(self, house: House, ann: Account) -> None:
        token = self.ask(house)
        house.clock.advance(timedelta(hours=1))
        assert house.browser.get(f"/reset?token={token}").status_code == 401

    def test_a_used_link_voids_the_others(self, house: House, ann: Account) -> None:
        first, second = self.ask(house), self.ask(house)
        self.choose(house, second)
        assert house.browser.get(f"/reset?token={first}").status_code == 401

    @pytest.mark.parametrize("same", [True, False])
    def test_of_two_resets_at_once_one_wins(self, house: House, ann: Account, same: bool) -> None:
        tokens = [self.ask(house)] * 2 if same else [self.ask(house), self.ask(house)]
        wanted = ["one of the two passwords", "the other of the two"]
        browsers = [another(house, house.services.doors).browser for _ in tokens]
        start = Barrier(2)

        def reset(number: int) -> int:
            browser = browsers[number]
            page = browser.get(f"/reset?token={tokens[number]}").text.partition("<main")[2]
            csrf = re.search(r'name="csrf" value="([^"]*)"', page)
            assert csrf
            sent = {"csrf": unescape(csrf[1]), "token": tokens[number], "password": wanted[number]}
            start.wait(timeout=30)
            return browser.post("/reset", data=sent, follow_redirects=False).status_code

        with ThreadPoolExecutor(2) as pool:
            codes = list(pool.map(reset, range(2)))
        assert sorted(codes) == [303, 401]
        house.browser.cookies.clear()
        assert login(house, password=wanted[codes.index(303)]).url.path == STARTER
        house.browser.cookies.clear()
        assert login(house, password=wanted[codes.index(401)]).status_code == 401

    def test_nothing_tells_whether_an_address_has_an_account(self, house: House, ann: Account) -> None:
        known, unknown = (house.send("/forgot", email=email) for email in (ANN, "bob@example.org"))
        assert (known.status_code, known.text) == (unknown.status_code, unknown.text)
        assert [letter.to for letter in house.mailed()] == [ANN]

    def test_the_letter_goes_to_the_stored_address_and_leads_home(self, house: House, ann: Account) -> None:
        house.browser.headers["host"] = "evil.example"
        house.send("/forgot", email="ANN@EXAMPLE.ORG")
        [letter] = house.mailed()
        assert letter.to == ANN
        assert "evil.example" not in letter.text

    def test_letters_are_limited_for_known_and_unknown_alike(self, house: House, ann: Account) -> None:
        for email in (ANN, "bob@example.org"):
            answers = [house.send("/forgot", email=email).status_code for _ in range(LETTERS_TO.at_once + 1)]
            assert answers == [200] * LETTERS_TO.at_once + [429]

    def test_it_proves_the_address_and_revokes_keys_that_somebody_else_may_have_made(
        self, house: House, ann: Account
    ) -> None:
        with house.services.database.transaction() as session:
            _, secret = create_key(session, house.clock, ann.id, "of whoever signed up")
        self.choose(house, self.ask(house))
        account = stored(house)
        assert account
        assert account.email_verified_at
        with house.services.database.transaction() as session, pytest.raises(NotAuthenticated):
            authenticate(session, house.clock, secret, Scope.READ)

    def test_keys_of_a_proved_address_stay(self, house: House, ann: Account) -> None:
        with house.services.database.transaction() as session:
            session.get_one(Account, ann.id).email_verified_at = house.clock.now()
            _, secret = create_key(session, house.clock, ann.id, "mine")
        self.choose(house, self.ask(house))
        with house.services.database.transaction() as session:
            assert authenticate(session, house.clock, secret, Scope.READ)

    def test_a_suspended_account_stays_out(self, house: House, ann: Account) -> None:
        token = self.ask(house)
        with house.services.database.transaction() as session:
            suspend(session, house.clock, ensure_owner(session, house.clock), ann.id)
        answer = self.choose(house, token)
        assert answer.status_code == 403
        assert "suspended" in answer.text
        assert not is_in(house)

    @pytest.mark.parametrize("token", ["", "nonsense", "%00", "x" * 5000])
    def test_a_token_that_never_was_is_refused(self, house: House, token: str) -> None:
        assert house.browser.get(f"/reset?token={token}").status_code == 401
        assert house.send("/forgot", "/reset", token=token, password=NEW).status_code == 401


def test_a_mail_server_that_is_down_changes_no_answer(house: House, ann: Account, mailbox: Mailbox) -> None:
    class Down(Mailbox):
        def send(self, mail: Any) -> None:
            raise OSError("no route")

    from easel.kit.mail import Postman

    services = replace(house.services, postman=Postman(Down(), pauses=(0.0,)))
    down = House(services, house.clock, TestClient(create_app(services), base_url="http://easel.test"), mailbox)
    assert "Look into your mail" in down.send("/forgot", email=ANN).text
    services.postman.close()
