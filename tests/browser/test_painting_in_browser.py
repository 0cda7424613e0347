"""Pictures that begin from others, masks, LoRAs and settings out of a file, in a real browser."""

import io
import json
import re
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import Site, check_look, shoot
from PIL import Image
from playwright.sync_api import Locator, Page, expect

pytestmark = pytest.mark.browser
STARTER = "/models/easel/easel-starter"


def enter(page: Page, site: Site) -> None:
    page.goto(site.link())
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(f"**{STARTER}")


def draw(page: Page, prompt: str = "two orange triangles") -> None:
    page.get_by_label("Prompt", exact=True).fill(prompt)
    page.locator("[data-advanced]").evaluate("fold => fold.open = true")
    page.get_by_label("Steps").fill("4")
    generate(page)


def generate(page: Page) -> None:
    before = page.url
    page.get_by_role("button", name="Generate").click()
    expect(page).not_to_have_url(before)
    expect(page.locator("[data-state]")).to_have_text("Done")


def body(page: Page) -> dict[str, object]:
    """What the Python example sends."""
    return json.loads(page.locator("[data-body=python]").inner_text())


def png(width: int = 160, height: int = 128) -> bytes:
    file = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).convert("RGB").save(file, "PNG")
    return file.getvalue()


def choose(field: Locator, data: bytes, name: str = "a.png", media_type: str = "image/png") -> None:
    field.set_input_files({"name": name, "mimeType": media_type, "buffer": data})


@pytest.mark.parametrize(("width", "theme"), [(390, "dark"), (1280, "light")])
def test_a_result_is_begun_from_and_painted_on(
    site: Site, open_page: Callable[..., Page], width: int, theme: str
) -> None:
    page = open_page(width=width, theme=theme)
    enter(page, site)
    draw(page)
    page.get_by_role("link", name="Begin from the picture").click()
    expect(page.locator("[data-picture]")).to_be_visible()
    assert (body(page)["init_image"], body(page)["strength"]) == (
        page.locator("[data-picture]").evaluate("p => p.src"),
        0.7,
    )
    expect(page.locator("#code-python")).to_contain_text("/images/img2img")
    generate(page)
    page.get_by_role("link", name="Paint a mask on").click()
    canvas = page.get_by_role("application", name="Mask")
    expect(canvas).to_be_focused()
    page.wait_for_timeout(600)  # it is scrolled into sight
    box = canvas.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.3)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.4, steps=4)
    page.mouse.up()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    page.get_by_role("button", name="Invert").click()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#code-python")).to_contain_text("/images/inpaint")
    check_look(page, width, theme)
    shoot(page, f"painting-{width}-{theme}")
    generate(page)
    page.reload()
    expect(page.locator("[data-canvas]")).to_be_visible()
    stored = page.evaluate("document.querySelector('img[data-mask]').src")
    mask = Image.open(io.BytesIO(page.request.get(stored).body())).convert("L")
    painted = sum(mask.histogram()[128:]) / (mask.width * mask.height)
    assert 0.02 < painted < 0.4
    assert mask.getpixel((0, 0)) == 0
    expect(page.locator("[data-past]")).to_have_count(3)
    page.locator("[data-past]").last.click()
    expect(page.locator("#output .sheet img")).to_have_attribute("alt", "two orange triangles")


def test_files_are_chosen_dropped_and_refused(site: Site, open_page: Callable[..., Page]) -> None:
    page = open_page(expect_complaints=True)
    enter(page, site)
    page.get_by_text("Begin from a picture").click()
    choose(
        page.get_by_label("Picture", exact=True), b"<svg xmlns='http://www.w3.org/2000/svg'/>", "a.svg", "image/svg+xml"
    )
    expect(page.locator("#problem-picture")).to_contain_text("SVG")
    choose(page.get_by_label("Picture", exact=True), png(6000, 4000))
    expect(page.locator("[data-picture]")).to_be_visible()
    assert page.evaluate("document.getElementById('picture_file').files[0].name") == "picture.jpg"
    choose(page.get_by_label("Picture", exact=True), png())
    expect(page.locator("[data-picture]")).to_have_attribute("width", "160")
    generate(page)
    expect(page.locator("#output dd").last).to_have_text(re.compile("160.*128"))
    page.get_by_role("button", name="Remove the picture").click()
    expect(page.locator("[data-picture]")).to_be_hidden()
    assert "init_image" not in body(page)


def test_a_dropped_picture_brings_its_settings_back(site: Site, open_page: Callable[..., Page]) -> None:
    page = open_page()
    enter(page, site)
    page.get_by_label("Negative prompt").fill("blue")
    page.locator("[data-advanced]").evaluate("fold => fold.open = true")
    page.get_by_label("Sampler").select_option("Euler")
    page.get_by_label("Seed", exact=True).fill("41")
    draw(page, "a red house, under a blue sky")
    drawn = page.request.get(page.locator("#output .sheet img").evaluate("image => image.src")).body()
    page.goto(site.address + STARTER)
    data = page.evaluate_handle(
        """bytes => { const data = new DataTransfer();
           data.items.add(new File([new Uint8Array(bytes)], "a.png", { type: "image/png" })); return data; }""",
        list(drawn),
    )
    page.get_by_label("Prompt", exact=True).dispatch_event("drop", {"dataTransfer": data})
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("a red house, under a blue sky")
    expect(page.get_by_label("Negative prompt")).to_have_value("blue")
    expect(page.get_by_label("Seed", exact=True)).to_have_value("41")
    expect(page.get_by_label("Sampler")).to_have_value("euler")
    expect(page.get_by_label("Steps")).to_have_value("4")
    assert body(page)["scheduler"] == "EulerDiscreteScheduler"


def test_without_a_script_a_picture_is_sent_and_the_result_seen(site: Site, open_page: Callable[..., Page]) -> None:
    page = open_page(width=390, script=False)
    enter(page, site)
    page.get_by_text("Begin from a picture").click()
    choose(page.get_by_label("Picture", exact=True), png())
    page.get_by_role("radio", name="As the picture").check()
    page.get_by_label("Prompt", exact=True).fill("a star")
    page.get_by_role("button", name="Generate").click()
    expect(page.locator("[data-state]")).to_have_text("Done")
    expect(page.locator("#output dd").last).to_have_text(re.compile("160.*128"))
    expect(page.locator("[data-picture]")).to_be_visible()
    shoot(page, "begun-without-script-390")


def test_a_lora_page_draws_with_it(site: Site, open_page: Callable[..., Page]) -> None:
    page = open_page(width=768)
    enter(page, site)
    page.goto(f"{site.address}/models/easel/easel-pixelated")
    page.get_by_label("Strength of Easel Pixelated").fill("0.6")
    assert (body(page)["lora_model"], body(page)["lora_strength"]) == ("easel-pixelated", "0.6")
    draw(page)
    page.reload()
    expect(page.get_by_label("Strength of Easel Pixelated")).to_have_value("0.6")
    check_look(page, 768, "light")
    shoot(page, "lora-768-light")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nobody_is_kept_out(site: Site, open_page: Callable[..., Page], theme: str) -> None:
    page = open_page(theme=theme)
    enter(page, site)
    draw(page)
    page.get_by_role("link", name="Paint a mask on").click()
    expect(page.get_by_role("application", name="Mask")).to_be_focused()
    shoot(page, f"everything-1280-{theme}")
    found = Axe().run(page).response["violations"]
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found] == []
