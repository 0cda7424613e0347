"""Signing in through an OpenID Connect provider, over real HTTP, and whose account it then is."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi.testclient import TestClient
from house import STARTER, House
from httpx2 import get
from joserfc import jwt
from joserfc.jwk import OctKey
from provider import CLIENT, SECRET, TestProvider, new_key, provider
from receiver import Answer, Receiver

from easel.accounts import passwords
from easel.accounts.oidc import OidcClient, Provider
from easel.accounts.owner import ensure_owner
from easel.accounts.queries import create_account, find_by_email, list_accounts, set_email
from easel.accounts.sign_up import SignUp
from easel.accounts.tables import Account
from easel.gateway.app import create_app
from easel.generations.suspend import suspend
from easel.site.context import Doors
from easel.site.provider import COOKIE

ANN = "ann@example.org"


@pytest.fixture(scope="module")
def server() -> Iterator[TestProvider]:
    with provider() as server:
        yield server


@pytest.fixture
def idp(server: TestProvider, house: House) -> TestProvider:
    """The provider, as honest as it began, by the house's clock."""
    server.now = lambda: house.clock.now().timestamp()
    server.claims, server.info, server.sign, server.error = {}, None, None, None
    server.asked.clear()
    return server


def with_provider(house: House, idp: TestProvider, signup: SignUp = SignUp.OIDC, issuer: str = "") -> House:
    client = OidcClient(Provider(issuer or idp.issuer, CLIENT, SECRET, "Example ID"), house.clock)
    services = replace(house.services, doors=Doors(signup=signup, oidc=client))
    browser = TestClient(create_app(services), base_url="http://easel.test")
    return House(services, house.clock, browser, house.mailbox)


@pytest.fixture
def open_house(house: House, idp: TestProvider) -> House:
    return with_provider(house, idp)


def go(house: House, then: str = "") -> str:
    """To the provider and back again; the address that it sends the browser to, on this site."""
    to = house.browser.get(f"/login/oidc?then={then}", follow_redirects=False)
    assert to.status_code == 303, to.text
    back = get(to.headers["location"]).headers["location"]
    assert back.startswith("https://home.test/login/oidc/callback?")
    return back.removeprefix("https://home.test")


def enter(house: House, then: str = "") -> Any:
    return house.browser.get(go(house, then))


def accounts(house: House) -> list[Account]:
    with house.services.database.transaction() as session:
        return list_accounts(session)


def is_in(house: House) -> bool:
    return "Sign out" in house.browser.get("/").text


class TestWhoComesIn:
    def test_somebody_new_gets_an_account_with_a_proved_address(self, open_house: House) -> None:
        assert 'href="/login/oidc"' in open_house.browser.get("/login").text
        assert enter(open_house).url.path == STARTER
        [account] = accounts(open_house)
        assert (account.name, account.email, account.plan) == ("Ann Example", ANN, "free")
        assert account.email_verified_at
        assert account.password_hash is None

    def test_and_is_the_same_next_time_whatever_their_e_mail_is_by_then(
        self, open_house: House, idp: TestProvider
    ) -> None:
        enter(open_house)
        open_house.browser.cookies.clear()
        idp.claims = {"email": "married@example.org", "name": "Another Name"}
        assert enter(open_house).url.path == STARTER
        assert [account.email for account in accounts(open_house)] == [ANN]

    def test_it_leads_to_where_one_was(self, open_house: House) -> None:
        assert enter(open_house, "/models").url.path == "/models"
        open_house.browser.cookies.clear()
        assert enter(open_house, "//evil.example").url.path == STARTER

    def test_another_person_with_the_same_name_is_another_account(self, open_house: House, idp: TestProvider) -> None:
        enter(open_house)
        open_house.browser.cookies.clear()
        idp.claims = {"sub": "person-2", "email": "other@example.org"}
        enter(open_house)
        assert len(accounts(open_house)) == 2

    def test_a_name_that_is_unfit_is_replaced(self, open_house: House, idp: TestProvider) -> None:
        idp.claims = {"name": "root@localhost"}
        enter(open_house)
        assert accounts(open_house)[0].name == "ann"

    @pytest.mark.parametrize("missing", ["email", "email_verified"])
    def test_the_e_mail_may_come_from_userinfo(self, open_house: House, idp: TestProvider, missing: str) -> None:
        idp.claims = {missing: None}
        idp.info = {"sub": "person-1", "email": "Ann@Example.org", "email_verified": True}
        assert enter(open_house).url.path == STARTER
        assert accounts(open_house)[0].email == ANN

    def test_userinfo_of_somebody_else_is_refused(self, open_house: House, idp: TestProvider) -> None:
        idp.claims = {"email": None, "email_verified": None}
        idp.info = {"sub": "person-2", "email": ANN, "email_verified": True}
        assert enter(open_house).status_code == 401
        assert accounts(open_house) == []

    def test_a_suspended_account_stays_out(self, open_house: House) -> None:
        enter(open_house)
        with open_house.services.database.transaction() as session:
            owner = ensure_owner(session, open_house.clock)
            ann = find_by_email(session, ANN)
            assert ann
            suspend(session, open_house.clock, owner, ann.id)
        answer = enter(open_house)
        assert answer.status_code == 403
        assert "suspended" in answer.text
        assert not is_in(open_house)


class TestLinking:
    """An account is given only to somebody whose address is proved on both sides."""

    def account(self, house: House, *, password: bool, proved: bool) -> None:
        with house.services.database.transaction() as session:
            account = create_account(session, house.clock, "ann here", ANN)
            account.password_hash = passwords.hashed("three quiet easels") if password else None
            account.email_verified_at = house.clock.now() if proved else None

    @pytest.mark.parametrize(("password", "proved"), [(False, False), (False, True), (True, True)])
    def test_an_account_that_nobody_else_can_be_in_is_linked(
        self, open_house: House, password: bool, proved: bool
    ) -> None:
        self.account(open_house, password=password, proved=proved)
        assert "ann here" in enter(open_house).text
        [account] = accounts(open_house)
        assert account.email_verified_at

    def test_an_account_that_somebody_may_have_made_in_their_name_is_not(self, open_house: House) -> None:
        self.account(open_house, password=True, proved=False)
        answer = enter(open_house)
        assert answer.status_code == 403
        assert "nobody has proved yet that the address is theirs" in answer.text
        assert not is_in(open_house)
        open_house.send("/forgot", email=ANN)  # and so it is settled
        link = open_house.opened()
        token = link.partition("token=")[2]
        assert open_house.send(link, token=token, password="four louder easels").url.path == STARTER
        assert "ann here" in enter(open_house).text

    @pytest.mark.parametrize("verified", [False, None, "yes", "false", 0])
    def test_an_address_that_the_provider_has_not_verified_is_nobodys(
        self, open_house: House, idp: TestProvider, verified: object
    ) -> None:
        self.account(open_house, password=False, proved=True)
        idp.claims = {"email_verified": verified}
        answer = enter(open_house)
        assert answer.status_code == 403
        assert "does not say that it has verified an e-mail" in answer.text

    def test_an_address_is_known_in_any_spelling(self, open_house: House, idp: TestProvider) -> None:
        self.account(open_house, password=False, proved=True)
        idp.claims = {"email": "ANN@Example.ORG"}
        assert "ann here" in enter(open_house).text

    def test_an_address_that_has_left_the_account_leads_there_no_more(self, open_house: House) -> None:
        self.account(open_house, password=False, proved=True)
        with open_house.services.database.transaction() as session:
            account = find_by_email(session, ANN)
            assert account
            set_email(session, open_house.clock, account.id, "new@example.org", proved=True)
        enter(open_house)
        assert [account.name for account in accounts(open_house)] == ["ann here", "Ann Example"]

    def test_where_sign_up_is_closed_nobody_new_comes_in(self, house: House, idp: TestProvider) -> None:
        closed = with_provider(house, idp, SignUp.CLOSED)
        answer = enter(closed)
        assert answer.status_code == 403
        assert "new ones are made by the operator" in answer.text
        assert accounts(closed) == []
        self.account(closed, password=False, proved=False)
        assert "ann here" in enter(closed).text


class TestWhatIsNotTrusted:
    def refused(self, house: House, answer: Any, status: int = 401) -> None:
        assert answer.status_code == status, answer.text
        assert not is_in(house)
        assert accounts(house) == []

    @pytest.mark.parametrize(
        "claims",
        [
            {"nonce": "of another sign-in"},
            {"nonce": None},
            {"aud": "another client"},
            {"aud": ["another client", "a third"]},
            {"aud": [CLIENT, "another"], "azp": "another"},
            {"iss": "https://evil.example"},
            {"iss": None},
            {"sub": None},
            {"exp": 1},
            {"exp": None},
            {"iat": 4_000_000_000},
        ],
    )
    def test_claims_that_are_not_for_us(self, open_house: House, idp: TestProvider, claims: dict[str, Any]) -> None:
        idp.claims = claims
        self.refused(open_house, enter(open_house))

    def test_a_token_of_another_key(self, open_house: House, idp: TestProvider) -> None:
        stranger = new_key()
        idp.sign = lambda claims, key: jwt.encode({"alg": "RS256", "kid": key.kid}, claims, stranger)
        self.refused(open_house, enter(open_house))

    def test_a_token_signed_with_what_everybody_knows(self, open_house: House, idp: TestProvider) -> None:
        shared = OctKey.import_key(SECRET.ljust(32, "x"))
        idp.sign = lambda claims, key: jwt.encode({"alg": "HS256"}, claims, shared)
        self.refused(open_house, enter(open_house))

    @pytest.mark.parametrize("token", ["", "nonsense", "a.b.c", "eyJhbGciOiJub25lIn0.e30."])
    def test_what_is_no_token(self, open_house: House, idp: TestProvider, token: str) -> None:
        idp.sign = lambda claims, key: token
        self.refused(open_house, enter(open_house))

    def test_a_new_key_of_the_provider_is_asked_for(self, open_house: House, idp: TestProvider) -> None:
        enter(open_house)
        idp.change_key()
        open_house.browser.cookies.clear()
        assert enter(open_house).url.path == STARTER
        assert idp.asked == ["discovery", "keys", "keys"]

    def test_an_answer_that_another_browser_began(self, open_house: House, house: House, idp: TestProvider) -> None:
        """Or somebody could sign others in as themselves, and see what they draw."""
        theirs = go(with_provider(house, idp))
        self.refused(open_house, open_house.browser.get(theirs))
        go(open_house)
        self.refused(open_house, open_house.browser.get(theirs))

    def test_a_changed_cookie(self, open_house: House) -> None:
        back = go(open_house)
        open_house.browser.cookies.clear()
        open_house.browser.cookies.set(COOKIE, "forged")
        self.refused(open_house, open_house.browser.get(back))

    def test_an_answer_works_once(self, open_house: House) -> None:
        back = go(open_house)
        kept = open_house.browser.cookies[COOKIE]
        open_house.browser.get(back)
        assert COOKIE not in open_house.browser.cookies
        open_house.browser.cookies.clear()
        open_house.browser.cookies.set(COOKIE, kept)
        assert open_house.browser.get(back).status_code == 401
        assert not is_in(open_house)

    def test_a_state_that_is_not_ours(self, open_house: House) -> None:
        back = go(open_house)
        state = parse_qs(urlsplit(back).query)["state"][0]
        self.refused(open_house, open_house.browser.get(back.replace(state, "x" * len(state))))

    def test_an_answer_of_another_issuer(self, open_house: House) -> None:
        """RFC 9207."""
        self.refused(open_house, open_house.browser.get(go(open_house) + "&iss=https://evil.example"))

    def test_who_says_no_at_the_provider_may_try_again(self, open_house: House, idp: TestProvider) -> None:
        idp.error = "access_denied"
        answer = enter(open_house)
        self.refused(open_house, answer)
        assert "begin it once more" in answer.text
        idp.error = None
        assert enter(open_house).url.path == STARTER

    def test_a_provider_that_is_not_there(self, house: House, idp: TestProvider) -> None:
        nowhere = with_provider(house, idp, issuer="http://127.0.0.1:1")
        answer = nowhere.browser.get("/login/oidc")
        assert answer.status_code == 503
        assert "cannot be reached at present" in answer.text

    def test_a_description_of_somebody_else(self, house: House, idp: TestProvider) -> None:
        """OpenID Connect Discovery 1.0, section 4.3."""
        other = with_provider(house, idp, issuer=idp.issuer + "/")
        assert other.browser.get("/login/oidc").status_code == 503

    @pytest.mark.parametrize("said", [b"", b"[]", b"{}", b'{"issuer": "HERE"}', b"<html>"])
    def test_what_is_no_description(self, house: House, idp: TestProvider, receiver: Receiver, said: bytes) -> None:
        receiver.answer = lambda _: Answer(body=said.replace(b"HERE", receiver.url.encode()))
        answer = with_provider(house, idp, issuer=receiver.url).browser.get("/login/oidc")
        assert answer.status_code == 503
