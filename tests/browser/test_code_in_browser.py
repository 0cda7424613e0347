"""The examples of a model's page, run as they stand there: whoever copies them has a picture.

PHP is only parsed (tests/unit/site): there is no interpreter to count on. The OpenAI SDK for JavaScript comes from a
registry, so its example is parsed alone, where there is a Node.js.
"""

import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable

import pytest
from browsing import Site, shoot, unfold
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser
STARTER = "/models/easel/easel-starter"
PNG = b"\x89PNG\r\n\x1a\n"
RUNNERS = {
    "shell": ["sh", "-c"],
    "python": [sys.executable, "-W", "error::SyntaxWarning", "-c"],
    "modelslab": [sys.executable, "-c"],
    "openai": [sys.executable, "-c"],
}


@pytest.fixture
def page(site: Site, open_page: Callable[..., Page]) -> Page:
    """A model's page with a key in its examples, made by one press of a button."""
    page = open_page()
    page.goto(site.link())
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(f"**{STARTER}")
    page.get_by_role("button", name="Make a key and fill it in").click()
    expect(page.locator("#code-python")).to_contain_text('"key": "easel_')
    unfold(page)
    page.get_by_label("Steps").fill("2")
    return page


def code(page: Page, language: str) -> str:
    """As the button copies it."""
    text = page.locator(f"#code-{language}").text_content()
    assert text
    return text


def run(language: str, script: str) -> str:
    done = subprocess.run([*RUNNERS[language], script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def picture_in(said: str) -> bytes:
    """What lies at the first link of an answer; on a busy machine it is promised before it is there."""
    found = re.search(r"http://[^\s'\"]+/files/[^\s'\"]+", said)
    assert found, said
    for _ in range(100):
        try:
            with urllib.request.urlopen(found[0], timeout=10) as answer:
                return answer.read()
        except urllib.error.HTTPError:
            time.sleep(0.2)
    raise AssertionError(f"nothing lies at {found[0]}")


def test_every_example_draws_what_the_form_says(page: Page) -> None:
    page.get_by_label("Prompt", exact=True).fill('it\'s "a" red star, é')
    page.get_by_label("Second pass").select_option("yes")
    page.get_by_label("Enlarge").select_option("2")
    page.get_by_label("Safety check").select_option("blur")
    for language in RUNNERS:
        said = run(language, code(page, language))
        assert picture_in(said).startswith(PNG), language
        if language != "openai":
            assert 'it\'s "a" red star' in said.replace("\\'", "'").replace('\\"', '"'), said


def test_an_example_that_is_copied_before_anything_is_typed_draws_too(page: Page) -> None:
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("")
    assert picture_in(run("python", code(page, "python"))).startswith(PNG)


def test_the_javascript_example_draws(page: Page) -> None:
    """In the page itself, as in any browser; and by Node.js where there is one."""
    page.get_by_label("Prompt", exact=True).fill("a red star")
    script = code(page, "javascript")
    with page.expect_console_message() as said:
        page.evaluate(f"(async () => {{ {script} }})()")
    answer = said.value.args[0].json_value()
    assert picture_in(str(answer)).startswith(PNG)
    if node := shutil.which("node"):
        done = subprocess.run([node, "--input-type=module", "-e", script], capture_output=True, text=True, timeout=60)
        assert picture_in(done.stdout).startswith(PNG), done.stderr


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node.js here")
def test_the_example_of_openais_javascript_sdk_is_javascript(page: Page) -> None:
    # A stand-in for the package: what the example asks of it is what is looked at.
    sdk = (
        "class OpenAI { constructor(said) { this.images = { generate: async (asked) => "
        "(console.log(JSON.stringify({ ...said, ...asked })), { data: [{ url: 'there' }] }) }; } }\n"
    )
    script = sdk + code(page, "openai-js").replace('import OpenAI from "openai";', "")
    done = subprocess.run(["node", "--input-type=module", "-e", script], capture_output=True, text=True, timeout=60)
    assert '"model":"easel-starter"' in done.stdout, done.stderr
    assert done.stdout.splitlines()[-1] == "there"


def test_the_examples_of_a_picture_from_a_picture_draw(page: Page) -> None:
    page.get_by_label("Prompt", exact=True).fill("a red star")
    page.get_by_role("button", name="Generate").click()
    expect(page.locator("[data-state]")).to_have_text("Done")
    page.get_by_role("link", name="Begin from the picture").click()
    expect(page.locator("#code-python")).to_contain_text("/api/v6/images/img2img")
    expect(page.get_by_label("Second pass")).to_be_disabled()
    for language in ("shell", "python", "modelslab"):
        assert picture_in(run(language, code(page, language))).startswith(PNG), language
    shoot(page, "code-with-key-1280-light")
