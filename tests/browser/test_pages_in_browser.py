"""The public pages in a real browser: nothing that axe finds, a catalogue that answers as one types, code to copy."""

import re
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import Site, check_look, shoot
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser
STARTER = "/models/easel/easel-starter"
PAGES = {
    "home": "/",
    "catalogue": "/models",
    "found-nothing": "/models?q=zzz",
    "provider": "/models/modelslab",
    "starter": STARTER,
    "api": f"{STARTER}/api",
    "lora": "/models/modelslab/2-v1",
    "pricing": "/pricing",
    "docs": "/docs",
    "article": "/docs/quick-start",
    "reference": "/docs/reference/modelslab",
    "login": "/login",
    "unknown": "/models/easel/nothing",
}


@pytest.mark.parametrize(("width", "theme"), [(320, "light"), (390, "dark"), (768, "light"), (1280, "dark")])
def test_every_public_page_fits_and_axe_finds_nothing(
    site: Site, open_page: Callable[..., Page], width: int, theme: str
) -> None:
    page, axe = open_page(width=width, theme=theme, expect_complaints=True), Axe()
    for name, path in PAGES.items():
        page.goto(site.address + path)
        check_look(page, width, theme)
        found = axe.run(page).response["violations"]
        assert [(path, one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []
        shoot(page, f"{name}-{width}-{theme}")


def test_the_catalogue_is_searched_as_one_types(site: Site, open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.goto(f"{site.address}/models")
    page.get_by_label("Search").press_sequentially("pixel", delay=20)
    expect(page.get_by_role("status")).to_contain_text("1 model found")
    expect(page.locator(".card h2")).to_have_text(["Easel Pixelated"])
    expect(page).to_have_url(f"{site.address}/models?q=pixel")
    page.reload()
    expect(page.get_by_label("Search")).to_have_value("pixel")
    page.get_by_role("link", name="Show all", exact=True).click()
    page.get_by_label("Kind").select_option("checkpoint")
    expect(page).to_have_url(re.compile(r"kind=checkpoint"))
    expect(page.get_by_role("link", name="Easel Pixelated")).to_have_count(0)


def test_the_catalogue_is_searched_without_a_script(site: Site, open_page: Callable[..., Page]) -> None:
    page = open_page(script=False)
    page.goto(f"{site.address}/models")
    page.get_by_label("Search").fill("pixel")
    page.get_by_role("button", name="Search").click()
    expect(page.locator(".card h2")).to_have_text(["Easel Pixelated"])
    page.goto(site.address + STARTER)
    page.get_by_role("radio", name="cURL").check()
    expect(page.locator("#code-shell")).to_be_visible()
    expect(page.locator("#code-python")).to_be_hidden()


def test_a_key_is_made_and_filled_into_the_code(site: Site, open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.goto(site.link())
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"**{STARTER}")
    page.get_by_role("button", name="Make a key and fill it in").click()
    expect(page.locator("#code-python")).to_contain_text(re.compile(r'"key": "easel_[\w-]{43}"'))
    page.get_by_label("Prompt", exact=True).fill("a red star")  # the code follows the form and keeps the key
    code = page.locator("#code-python").inner_text()
    key = re.findall(r'"key": "(easel_[\w-]+)"', code)[0]
    assert '"prompt": "a red star"' in code
    answer = page.request.post(f"{site.address}/api/wallet_balance", data={"key": key})
    assert answer.status == 200
    assert "YOUR_KEY" not in page.locator("#code-shell").text_content()
