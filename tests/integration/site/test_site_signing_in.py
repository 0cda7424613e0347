"""The one-time link, the cookie and the way out."""

from datetime import timedelta

from fastapi.testclient import TestClient
from house import STARTER, House

from easel.accounts.queries import get_account
from easel.accounts.sessions import LIFETIME
from easel.accounts.tables import Account
from easel.gateway.app import create_app
from easel.gateway.services import Services
from easel.kit.clock import SettableClock
from easel.site.sessions import COOKIE


def test_a_link_signs_in_and_leads_to_the_playground(house: House, ada: Account) -> None:
    answer = house.enter(house.link(ada))
    assert answer.status_code == 200
    assert answer.url.path == STARTER
    assert "Ada" in answer.text
    assert ">Generate</button>" in answer.text


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(house: House, ada: Account) -> None:
    cookie = house.enter(house.link(ada), follow_redirects=False).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie


def test_the_cookie_is_secure_where_the_house_is(services: Services, clock: SettableClock, ada: Account) -> None:
    with TestClient(create_app(services), base_url="https://easel.test") as browser:
        house = House(services, clock, browser)
        answer = house.enter(house.link(ada), follow_redirects=False)
    assert "Secure" in answer.headers["set-cookie"]


def test_a_link_works_once(house: House, ada: Account) -> None:
    link = house.link(ada)
    house.enter(link)
    house.browser.cookies.clear()
    answer = house.enter(link)
    assert answer.status_code == 401
    assert "has been used or has run out" in answer.text
    assert "easel accounts sign-in" in answer.text
    assert COOKIE not in house.browser.cookies


def test_a_link_opened_twice_by_the_same_browser_is_no_matter(house: House, ada: Account) -> None:
    link = house.link(ada)
    house.enter(link)
    assert house.enter(link).url.path == STARTER


def test_a_new_link_changes_the_person(house: House, ada: Account, grace: Account) -> None:
    house.sign_in(ada)
    assert "Grace" in house.enter(house.link(grace)).text


def test_a_link_that_is_only_looked_at_changes_nothing(house: House, ada: Account, grace: Account) -> None:
    """As programs do that show what a link leads to."""
    house.sign_in(ada)
    link = house.link(grace)
    for _ in range(2):
        assert "You are signed in here as Ada." in house.browser.get(link).text
    assert "Ada" in house.browser.get("/").text
    assert "Grace" in house.enter(link).text


def test_a_stranger_is_not_told_that_somebody_is_in(house: House, ada: Account) -> None:
    assert "You are signed in" not in house.browser.get(house.link(ada)).text


def test_who_is_suspended_can_sign_out(house: House, ada: Account, clock: SettableClock) -> None:
    house.sign_in(ada)
    with house.services.database.transaction() as session:
        get_account(session, ada.id).suspended_at = clock.now()
    assert house.order().status_code == 403
    assert "Ada" not in house.browser.post("/sign-out", data={"csrf": house.csrf()}).text


def test_a_link_runs_out(house: House, ada: Account, clock: SettableClock) -> None:
    link = house.link(ada, timedelta(minutes=5))
    clock.advance(timedelta(minutes=6))
    assert house.enter(link).status_code == 401


def test_a_token_that_never_was_is_refused(house: House) -> None:
    for token in ("nonsense", "%00", "x" * 5000):
        assert house.enter(f"/sign-in?token={token}").status_code == 401
    assert house.browser.post("/sign-in").status_code == 401


def test_a_session_ends(house: House, ada: Account, clock: SettableClock) -> None:
    house.sign_in(ada)
    clock.advance(LIFETIME + timedelta(seconds=1))
    assert "Ada" not in house.browser.get("/").text


def test_signing_out(house: House, ada: Account) -> None:
    house.sign_in(ada)
    answer = house.browser.post("/sign-out", data={"csrf": house.csrf()})
    assert answer.url.path == "/"
    assert "Ada" not in answer.text


def test_a_copied_cookie_is_worth_nothing_after_the_sign_out(house: House, ada: Account) -> None:
    house.sign_in(ada)
    copied = house.browser.cookies[COOKIE]
    house.browser.post("/sign-out", data={"csrf": house.csrf()})
    house.browser.cookies.set(COOKIE, copied)
    assert "Ada" not in house.browser.get("/").text


def test_signing_in_always_begins_a_new_session(house: House, ada: Account, grace: Account) -> None:
    """Whoever slipped somebody a cookie of theirs does not share what that person signs in to."""
    house.sign_in(ada)
    slipped = house.browser.cookies[COOKIE]
    house.sign_in(grace)
    assert house.browser.cookies[COOKIE] != slipped
    house.browser.cookies.clear()
    house.browser.cookies.set(COOKIE, slipped)
    answer = house.browser.get("/").text
    assert "Grace" not in answer
    assert "Ada" not in answer


def test_nobody_is_signed_out_from_elsewhere(house: House, ada: Account) -> None:
    house.sign_in(ada)
    assert house.browser.post("/sign-out", data={"csrf": "guessed"}).status_code == 401
    assert "Ada" in house.browser.get("/").text


def test_an_unknown_cookie_is_a_stranger(house: House) -> None:
    house.browser.cookies.set(COOKIE, "forged")
    assert house.browser.get("/").status_code == 200
