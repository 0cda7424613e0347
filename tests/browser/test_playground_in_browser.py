"""From the sign-in link to the picture, in a real browser."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from browsing import PICTURES, Site, check_look, shoot, unfold
from playwright.sync_api import Locator, Page, expect

pytestmark = pytest.mark.browser
STARTER = "/models/easel/easel-starter"

# What moves although nobody touched anything; zero when every picture has its place before it is there.
WATCH_SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) shifts.push(entry.value);
}).observe({ type: "layout-shift", buffered: true });
"""


def enter(page: Page, link: str) -> None:
    """Open a sign-in link and press its button."""
    page.goto(link)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"**{STARTER}")


def generate(page: Page, prompt: str = "three red stars on a blue background", steps: int = 25) -> None:
    page.get_by_label("Prompt", exact=True).fill(prompt)
    unfold(page)
    page.get_by_label("Steps").fill(str(steps))
    page.get_by_role("button", name="Generate").click()


def state(page: Page) -> Locator:
    return page.locator("[data-state]")


def seed(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Seed")


def size_of(page: Page, selector: str) -> tuple[float, float]:
    """Of the element on the page, wherever the page is scrolled to."""
    box = page.locator(selector).bounding_box()
    assert box
    return box["width"], box["height"]


def width_of_picture(page: Page) -> int:
    return page.locator("#output a.sheet img").first.evaluate("image => image.complete && image.naturalWidth")


def test_the_printed_link_signs_in_and_a_picture_is_drawn_live(site: Site, open_page: Callable[..., Page]) -> None:
    page = open_page()
    enter(page, site.owners_link)
    expect(page).to_have_url(site.address + STARTER)
    expect(state(page)).to_have_text("Idle")
    page.evaluate(WATCH_SHIFTS)
    sheet = size_of(page, "#output .sheet")
    generate(page)
    expect(state(page)).to_have_text("Generating")
    progress = page.get_by_role("progressbar")
    expect(page.locator("[data-steps]")).to_have_text(re.compile(r"Step ([5-9]|1\d) of 25"))
    assert 0 < float(progress.evaluate("bar => bar.value")) < 1
    panel = size_of(page, "[data-swap=output]")
    shoot(page, "generating-1280-light")
    expect(state(page)).to_have_text("Done")
    assert width_of_picture(page) == 256
    expect(page.locator("[data-cost]")).to_have_text("Free")
    assert size_of(page, "#output .sheet") == sheet
    assert size_of(page, "[data-swap=output]") == panel
    assert page.evaluate("shifts") == []
    assert "generation=" in page.url


def test_a_picture_costs_what_the_page_said(site: Site, open_page: Callable[..., Page]) -> None:
    page = open_page()
    enter(page, site.link())
    expect(page.locator(".price")).to_contain_text("Will cost $0.0047")
    page.get_by_role("radio", name="2", exact=True).check()
    expect(page.locator(".price")).to_contain_text("Will cost $0.0094, $0.0047 a picture")
    generate(page, steps=4)
    expect(state(page)).to_have_text("Done")
    expect(page.locator("[data-cost]")).to_have_text("$0.0094")
    expect(page.locator(".who")).to_contain_text("$9.9906")
    expect(page.locator("#output a.sheet img")).to_have_count(2)


def test_a_page_loaded_again_shows_the_same_picture(site: Site, open_page: Callable[..., Page]) -> None:
    page = open_page()
    enter(page, site.link())
    generate(page, steps=4)
    expect(state(page)).to_have_text("Done")
    address = page.locator("#output .sheet img").get_attribute("src")
    page.reload()
    expect(state(page)).to_have_text("Done")
    assert page.locator("#output .sheet img").get_attribute("src") == address


def test_a_page_loaded_again_goes_on_watching(site: Site, open_page: Callable[..., Page]) -> None:
    page = open_page()
    enter(page, site.link())
    generate(page, steps=40)
    expect(state(page)).to_have_text("Generating")
    page.reload()
    expect(state(page)).to_have_text("Generating")
    expect(state(page)).to_have_text("Done")


def test_cancelling(site: Site, open_page: Callable[..., Page]) -> None:
    page = open_page(expect_complaints=True)  # a preview that is gone with its order
    enter(page, site.link())
    generate(page, steps=100)
    expect(state(page)).to_have_text("Generating")
    page.get_by_role("button", name="Cancel").click()
    expect(state(page)).to_have_text("Cancelled")
    expect(page.locator("#output")).to_contain_text("It cost nothing.")
    expect(page.locator(".who")).to_contain_text("$10.00")


def test_a_failure_is_a_sentence(site: Site, open_page: Callable[..., Page]) -> None:
    page = open_page()
    enter(page, site.link())
    generate(page, prompt="undecodable", steps=3)
    expect(state(page)).to_have_text("Failed")
    expect(page.locator("#output .error")).to_contain_text("try another seed")


def test_a_refusal_stands_beside_its_field_and_the_last_picture_stays(
    site: Site, open_page: Callable[..., Page]
) -> None:
    page = open_page(expect_complaints=True)
    enter(page, site.link())
    generate(page, steps=3)
    expect(state(page)).to_have_text("Done")
    seed(page).fill("abc")
    with page.expect_response("**/generations") as answer:
        page.get_by_role("button", name="Generate").click()
    assert answer.value.status == 422
    expect(page.locator("#problem-seed")).to_contain_text("Seed must be a whole number")
    expect(seed(page)).to_be_focused()
    expect(state(page)).to_have_text("Done")
    seed(page).fill("7")
    page.get_by_role("button", name="Generate").click()
    expect(page.locator("#problem-seed")).to_be_empty()
    expect(page.locator("#output")).to_contain_text("Seed 7")


def test_seeds_are_rolled_and_used_again(site: Site, open_page: Callable[..., Page]) -> None:
    page = open_page()
    enter(page, site.link())
    generate(page, steps=3)
    expect(state(page)).to_have_text("Done")
    page.get_by_role("link", name="Reuse seed").click()
    shown = page.locator("figcaption code").inner_text()
    assert seed(page).input_value() == shown
    page.get_by_role("button", name="Roll a seed").click()
    rolled = seed(page).input_value()
    assert rolled != shown
    assert 0 <= int(rolled) < 2**32


def test_the_keyboard_keeps_its_place(site: Site, open_page: Callable[..., Page]) -> None:
    page = open_page(expect_complaints=True)  # a preview that is gone with its order
    page.goto(site.link())
    expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{STARTER}")
    page.get_by_label("Prompt", exact=True).fill("three red stars")
    unfold(page)
    page.get_by_label("Steps").fill("100")
    button = page.get_by_role("button", name="Generate")
    button.focus()
    page.keyboard.press("Enter")
    expect(state(page)).to_have_text("Generating")
    expect(button).to_be_focused()
    page.get_by_role("button", name="Cancel").focus()
    page.keyboard.press("Enter")
    expect(state(page)).to_have_text("Cancelled")
    expect(page.locator("#output")).to_be_focused()


def test_a_second_click_orders_nothing(site: Site, open_page: Callable[..., Page]) -> None:
    page = open_page()
    enter(page, site.link())
    orders: list[str] = []
    page.on("request", lambda request: orders.append(request.url) if request.method == "POST" else None)
    page.get_by_label("Prompt", exact=True).fill("three red stars")
    page.evaluate("for (const click of [1, 2, 3]) document.querySelector('[data-generate]').click()")
    expect(state(page)).to_have_text("Done")
    assert len(orders) == 1


def test_a_choice_that_is_none_leaves_the_page_alive(site: Site, open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.goto(f"{site.address}{STARTER}?size=1x1&samples=9")
    page.get_by_label("Prompt", exact=True).fill("a star")
    body = json.loads(page.locator("[data-body=python]").inner_text())
    assert (body["prompt"], body["width"], body["samples"]) == ("a star", 256, 1)


def test_an_example_fills_the_prompt(site: Site, open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.goto(site.address + STARTER)
    page.get_by_role("link", name="two orange triangles").click()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("two orange triangles")
    assert page.url == site.address + STARTER


def test_the_code_follows_the_form_and_can_be_copied(site: Site, open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.goto(f"{site.address}{STARTER}?prompt=it%27s+a+star&seed=5&guidance=7.5&samples=2")
    served = page.locator("#code-shell").inner_text()
    unfold(page)
    page.get_by_label("Steps").fill("30")
    assert page.locator("#code-shell").inner_text() == served.replace('_steps": 25', '_steps": 30')
    body = json.loads(page.locator("[data-body=python]").inner_text())
    assert body["prompt"] == "it's a star"
    assert body["num_inference_steps"] == 30
    page.get_by_role("button", name="Quick: 12").click()
    expect(page.get_by_label("Steps")).to_have_value("12")
    assert json.loads(page.locator("[data-body=python]").inner_text())["num_inference_steps"] == 12
    page.locator("[data-copy=code-python]").click()
    expect(page.locator("[data-copy=code-python]")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#code-python").inner_text()


def test_what_stands_under_advanced_is_sent_and_shown_again(site: Site, open_page: Callable[..., Page]) -> None:
    page = open_page()
    enter(page, site.link())
    unfold(page)
    page.get_by_label("Second pass").select_option("yes")
    page.get_by_label("Enlarge").select_option("2")
    page.get_by_label("Safety check").select_option("blur")
    body = json.loads(page.locator("[data-body=python]").inner_text())
    assert (body["highres_fix"], body["upscale"], body["safety_checker_type"]) == ("yes", 2, "blur")
    generate(page, steps=3)
    expect(state(page)).to_have_text("Done")
    expect(page.locator("#output")).to_contain_text("512 \N{MULTIPLICATION SIGN} 512")
    assert width_of_picture(page) == 512
    expect(page.locator("[data-cost]")).to_have_text("$0.0047")
    served = page.locator("[data-body=python]").inner_text()
    page.reload()
    assert page.locator("[data-body=python]").inner_text() == served
    expect(page.get_by_label("Second pass")).to_have_value("yes")
    page.get_by_role("link", name="Begin from the picture").click()
    expect(page.get_by_label("Second pass")).to_be_disabled()
    assert "highres_fix" not in page.locator("[data-body=python]").inner_text()


def test_a_script_in_a_prompt_is_only_text(site: Site, open_page: Callable[..., Page]) -> None:
    page = open_page()
    enter(page, site.link())
    prompt = "<script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"
    generate(page, prompt, steps=3)
    expect(state(page)).to_have_text("Done")
    assert page.locator("#output .sheet img").get_attribute("alt") == prompt
    page.reload()
    assert page.title() != "taken"
    assert page.get_by_label("Prompt", exact=True).input_value() == prompt


def test_a_lost_server_is_a_sentence_and_nothing_typed_is_lost(site: Site, open_page: Callable[..., Page]) -> None:
    page = open_page(expect_complaints=True)
    enter(page, site.link())
    page.route("**/generations", lambda route: route.abort())
    generate(page, prompt="a patient star")
    expect(page.get_by_role("alert")).to_contain_text("The server could not be reached")
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("a patient star")
    page.unroute("**/generations")
    page.route("**/generations", lambda route: route.fulfill(status=503, body="down"))
    page.get_by_role("button", name="Generate").click()
    expect(page.get_by_role("alert")).to_contain_text("Try again in a moment")
    page.unroute("**/generations")
    page.get_by_role("button", name="Generate").click()
    expect(state(page)).to_have_text("Done")
    expect(page.get_by_role("alert")).to_be_hidden()


def test_a_lost_stream_is_found_again(site: Site, open_page: Callable[..., Page]) -> None:
    page = open_page(expect_complaints=True)
    enter(page, site.link())
    page.route("**/events", lambda route: route.abort())
    generate(page, steps=3)
    expect(state(page)).to_have_text("Connecting again")
    page.unroute("**/events")
    expect(state(page)).to_have_text("Done")
    assert width_of_picture(page) == 256


def test_an_ended_session_is_a_sentence_and_nothing_typed_is_lost(site: Site, open_page: Callable[..., Page]) -> None:
    page = open_page(expect_complaints=True)
    enter(page, site.link())
    page.context.clear_cookies()
    generate(page, prompt="a patient star")
    expect(page.get_by_role("alert")).to_contain_text("Sign in again")
    enter(page.context.new_page(), site.link())  # in another tab
    page.get_by_role("button", name="Generate").click()
    expect(state(page)).to_have_text("Done")
    expect(page.get_by_role("img", name="a patient star")).to_be_visible()


def test_everything_works_without_a_script(site: Site, open_page: Callable[..., Page]) -> None:
    page = open_page(width=390, script=False)
    enter(page, site.link())
    expect(page.get_by_role("button", name="Roll a seed")).to_be_hidden()
    generate(page, steps=10)
    expect(state(page)).not_to_have_text("Idle")
    expect(state(page)).to_have_text("Done")  # the page loads itself again
    assert width_of_picture(page) == 256
    expect(page.locator("[data-cost]")).to_have_text("$0.0047")
    shoot(page, "without-script-390")
    page.get_by_role("link", name="Reuse seed").click()
    assert seed(page).input_value() == page.locator("figcaption code").inner_text()
    page.get_by_role("link", name="two orange triangles").click()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("two orange triangles")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_every_page_fits_and_follows_the_theme(
    site: Site, open_page: Callable[..., Page], width: int, theme: str
) -> None:
    page = open_page(width=width, theme=theme)
    pages = {"home": "/", "models": "/models", "not-installed": "/models/modelslab/stable-diffu", "sign-in": "/sign-in"}
    for name, path in pages.items():
        page.goto(site.address + path)
        check_look(page, width, theme)
        shoot(page, f"{name}-{width}-{theme}")
    page.goto(site.link())
    check_look(page, width, theme)
    shoot(page, f"sign-in-link-{width}-{theme}")
    enter(page, site.link())
    check_look(page, width, theme)
    shoot(page, f"idle-{width}-{theme}")
    page.get_by_role("radio", name="4", exact=True).check()
    generate(page, steps=3)
    expect(state(page)).to_have_text("Done")
    check_look(page, width, theme)
    shoot(page, f"done-{width}-{theme}")


def test_the_pictures_folder_is_ignored_by_git() -> None:
    ignored = (Path(__file__).parents[2] / ".gitignore").read_text()
    assert f"/{PICTURES.name}/" in ignored
