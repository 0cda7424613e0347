"""Money, keys and other people's accounts in a real browser: one visit for each."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import CLOCK, Site, check_look, shoot, unfold
from playwright.sync_api import Page, expect

from easel.accounts.queries import create_account
from easel.accounts.tables import Account
from easel.kit.ids import new_uuid

pytestmark = pytest.mark.browser
STARTER = "/models/easel/easel-starter"
MINE = ("", "/pictures", "/usage", "/wallet", "/plan", "/keys", "/webhooks", "/profile")
OPERATORS = ("", "/models", "/accounts", "/ledger", "/log")


def enter(page: Page, link: str) -> None:
    """Open a sign-in link and press its button."""
    page.goto(link)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"**{STARTER}")


@pytest.fixture
def somebody(site: Site) -> Account:
    with site.database.transaction() as session:
        return create_account(session, CLOCK, f"Somebody {new_uuid()[:8]}", f"{new_uuid()}@example.org")


@pytest.mark.parametrize("script", [True, False])
def test_a_card_tops_the_wallet_up(site: Site, open_page: Callable[..., Page], script: bool) -> None:
    page = open_page(width=390, script=script)
    enter(page, site.link())
    page.goto(f"{site.address}/account/wallet")
    page.get_by_role("radio", name="$25.00").check()
    page.get_by_role("button", name="Pay by card").click()
    page.wait_for_url(f"{site.stripe.url}/pay/*")
    page.get_by_role("button", name="Pay 25.00 USD").click()
    page.wait_for_url("**/account/wallet?paid=*")
    expect(page.get_by_text("Thank you. $25.00 are in your wallet.")).to_be_visible()
    expect(page.locator("[data-balance]")).to_have_text("$35.00")
    shoot(page, f"wallet-paid-390-{'script' if script else 'plain'}")


def test_a_plan_is_changed_after_a_second_look(site: Site, open_page: Callable[..., Page]) -> None:
    page = open_page()
    enter(page, site.link())
    page.goto(f"{site.address}/account/plan")
    page.get_by_text("Choose Standard").click()
    expect(page.get_by_text("$47.00 is taken from your credit of $10.00 now")).to_be_visible()
    shoot(page, "plan-sure-1280-light")


def test_a_key_is_capped(site: Site, open_page: Callable[..., Page]) -> None:
    page = open_page(width=390)
    enter(page, site.link())
    page.goto(f"{site.address}/account/keys")
    page.get_by_label("Name").fill("agent")
    page.get_by_label("In all, in dollars").fill("0.01")
    page.get_by_role("button", name="Make a key").click()
    secret = page.locator("#secret").inner_text()
    expect(page.get_by_text("May spend $0.01 in all; $0.01 is left")).to_be_visible()
    ask = {"key": secret, "prompt": "a red star", "samples": 3}
    answer = page.request.post(f"{site.address}/api/v6/images/text2img", data=ask).json()
    assert "This key may spend $0.01 in all" in answer["message"]


def test_an_operator_suspends_an_account(site: Site, open_page: Callable[..., Page], somebody: Account) -> None:
    page = open_page()
    enter(page, site.link_of_owner())
    page.goto(f"{site.address}/operator/accounts")
    page.get_by_label("Name, e-mail or number").fill(somebody.name)
    page.get_by_role("button", name="Find").click()
    page.get_by_role("link", name=somebody.name).click()
    page.get_by_text("Suspend", exact=True).click()
    shoot(page, "operator-account-1280-light")
    page.get_by_role("button", name="Suspend the account").click()
    expect(page.get_by_text("The account is suspended")).to_be_visible()
    expect(page.get_by_text(f"suspended {somebody.name}")).to_be_visible()


def test_the_machines_are_watched_live(site: Site, open_page: Callable[..., Page]) -> None:
    watching, drawing = open_page(), open_page()
    enter(watching, site.link_of_owner())
    watching.goto(f"{site.address}/operator")
    expect(watching.get_by_role("heading", name="Workers").first).to_be_visible()
    enter(drawing, site.link())
    drawing.get_by_label("Prompt", exact=True).fill("a red star")
    unfold(drawing)
    drawing.get_by_label("Steps").fill("50")
    drawing.get_by_role("button", name="Generate").click()
    expect(watching.get_by_text("of 50").or_(watching.get_by_text("begun")).first).to_be_visible()


def test_a_picture_is_published_and_deleted(site: Site, open_page: Callable[..., Page]) -> None:
    page = open_page(width=390)
    enter(page, site.link())
    page.get_by_label("Prompt", exact=True).fill("a red star of somebody's own")
    unfold(page)
    page.get_by_label("Steps").fill("4")
    page.get_by_role("button", name="Generate").click()
    expect(page.locator("[data-state]")).to_have_text("Done")
    page.goto(f"{site.address}/account/pictures")
    assert (
        page.locator(".gallery img:not(.blur)").evaluate("image => image.decode().then(() => image.naturalWidth)")
        == 256
    )
    page.get_by_text("Publish picture").click()
    page.get_by_role("button", name="Show it").click()
    expect(page.get_by_text("published", exact=True)).to_be_visible()
    shoot(page, "pictures-published-390-light")
    page.get_by_text("Delete picture").click()
    page.get_by_role("button", name="Delete it").click()
    expect(page.get_by_text("Nothing drawn yet.")).to_be_visible()
    page.goto(site.address + STARTER)
    expect(page.get_by_text("a red star of somebody's own")).to_have_count(0)


@pytest.mark.parametrize(("width", "theme"), [(390, "dark"), (768, "light"), (1280, "dark"), (1280, "light")])
def test_every_page_fits_and_axe_finds_nothing(
    site: Site, open_page: Callable[..., Page], somebody: Account, width: int, theme: str
) -> None:
    page, axe = open_page(width=width, theme=theme, expect_complaints=True), Axe()
    enter(page, site.link_of_owner())
    paths = [f"/account{path}" for path in MINE] + [f"/operator{path}" for path in OPERATORS]
    for path in [*paths, f"/operator/accounts/{somebody.id}"]:
        page.goto(site.address + path)
        check_look(page, width, theme)
        found = axe.run(page).response["violations"]
        assert [(path, one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []
        name = path.strip("/").replace("/", "-").rstrip("0123456789").rstrip("-")
        shoot(page, f"{name}-one-{width}-{theme}" if path.endswith(str(somebody.id)) else f"{name}-{width}-{theme}")
