"""From nobody to a first picture, a forgotten password and a key, in a real browser."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from browsing import CLOCK, Site, check_look, shoot, unfold
from playwright.sync_api import Page, expect

from easel.accounts import passwords
from easel.accounts.queries import create_account, find_account
from easel.accounts.recovery import reset_token
from easel.kit.ids import new_uuid

pytestmark = pytest.mark.browser
STARTER = "/models/easel/easel-starter"
PASSWORD = "three quiet easels"
NEW = "four louder easels"


@pytest.fixture
def email(site: Site) -> str:
    """Of an account with a password."""
    email = f"{new_uuid()}@example.org"
    with site.database.transaction() as session:
        create_account(session, CLOCK, "ann", email, "free").password_hash = passwords.hashed(PASSWORD)
    return email


def sign_in(page: Page, site: Site, email: str, password: str = PASSWORD) -> None:
    page.goto(f"{site.address}/login")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


@pytest.mark.parametrize("script", [True, False])
def test_from_nobody_to_a_first_picture(site: Site, open_page: Callable[..., Page], script: bool) -> None:
    page = open_page(width=390, script=script)
    page.goto(f"{site.address}{STARTER}")
    page.get_by_role("link", name="Sign in to generate").click()
    page.get_by_role("link", name="Make an account").click()
    page.get_by_label("E-mail").fill(f"{new_uuid()}@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Make my account").click()
    page.wait_for_url(f"**{STARTER}")
    page.get_by_label("Prompt", exact=True).fill("a red star")
    unfold(page)
    page.get_by_label("Steps").fill("5")
    page.get_by_role("button", name="Generate").click()
    expect(page.locator("[data-state]")).to_have_text("Done")
    expect(page.locator("[data-cost]")).to_have_text("Free")


def test_a_wrong_password_is_said_and_what_was_typed_stays(
    site: Site, open_page: Callable[..., Page], email: str
) -> None:
    page = open_page(expect_complaints=True)
    sign_in(page, site, email, "not the right one")
    expect(page.get_by_role("alert")).to_have_text("The e-mail or the password is wrong.")
    expect(page.get_by_label("E-mail")).to_have_value(email)
    expect(page.get_by_label("Password")).to_be_focused()
    shoot(page, "wrong-password")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{STARTER}")


def test_a_forgotten_password_is_replaced(site: Site, open_page: Callable[..., Page], email: str) -> None:
    elsewhere, page = open_page(), open_page()
    sign_in(elsewhere, site, email)
    elsewhere.wait_for_url(f"**{STARTER}")
    page.goto(f"{site.address}/login")
    page.get_by_role("link", name="Forgot your password?").click()
    page.get_by_label("E-mail").fill(email)
    page.get_by_role("button", name="Mail me a link").click()
    expect(page.get_by_role("heading", name="Look into your mail")).to_be_visible()
    with site.database.transaction() as session:  # what is mailed stands in the gateway's log, out of reach here
        token = reset_token(session, CLOCK, find_account(session, email), timedelta(hours=1))
    page.goto(f"{site.address}/reset?token={token}")
    page.get_by_label("Password").fill(NEW)
    page.get_by_role("button", name="Save and sign in").click()
    page.wait_for_url(f"**{STARTER}")
    elsewhere.reload()
    expect(elsewhere.get_by_role("link", name="Sign in", exact=True)).to_be_visible()


def test_a_key_is_made_copied_and_revoked(site: Site, open_page: Callable[..., Page], email: str) -> None:
    page = open_page()
    sign_in(page, site, email)
    page.wait_for_url(f"**{STARTER}")
    page.get_by_role("link", name="Your account").click()
    page.get_by_role("link", name="API keys").click()
    page.get_by_label("Name").fill("laptop")
    page.get_by_label("Look at pictures").uncheck()
    page.get_by_role("button", name="Make a key").click()
    secret = page.locator("#secret").inner_text()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == secret
    fields = {"key": secret, "prompt": "a red star", "instant_response": "yes"}
    ask = f"{site.address}/api/v6/images/text2img"
    assert page.request.post(ask, data=fields).status == 200
    assert page.request.post(f"{site.address}/api/wallet_balance", data=fields).status == 403  # only to generate
    page.get_by_text("Revoke laptop").click()
    page.get_by_role("button", name="Revoke for good laptop").click()
    expect(page.get_by_text("1 revoked")).to_be_visible()
    assert page.request.post(ask, data=fields).status == 401


@pytest.mark.parametrize(("width", "theme"), [(320, "light"), (390, "dark"), (1280, "light")])
def test_the_pages_about_people_fit_and_follow_the_theme(
    site: Site, open_page: Callable[..., Page], email: str, width: int, theme: str
) -> None:
    page = open_page(width=width, theme=theme)

    def look(name: str, path: str) -> None:
        page.goto(site.address + path)
        check_look(page, width, theme)
        shoot(page, f"{name}-{width}-{theme}")

    for name in ("login", "signup", "forgot"):
        look(name, f"/{name}")
    sign_in(page, site, email)
    page.wait_for_url(f"**{STARTER}")
    look("profile", "/account/profile")
    look("keys", "/account/keys")
    page.get_by_label("Name").fill("laptop")
    page.get_by_role("button", name="Make a key").click()
    check_look(page, width, theme)
    shoot(page, f"new-key-{width}-{theme}")
