"""A real server whose worker draws test cards, and the system's own Chromium."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from browsing import Site
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from easel.billing.fake_stripe import FakeStripe
from easel.db.session import Database

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def chromium_path() -> str:
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("There is no Chromium on this system. Install one: apt-get install chromium")
    return path


@pytest.fixture(scope="module")
def chromium(chromium_path: str) -> Iterator[Browser]:
    """Closed before other tests: as long as it is open, no event loop can be started beside it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def stripe() -> Iterator[FakeStripe]:
    with FakeStripe("whsec_test") as stripe:
        yield stripe


@pytest.fixture(scope="session")
def site(chromium_path: str, postgres, stripe: FakeStripe, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """`easel serve`, as a user starts it, on a database that the tests can reach as well."""
    postgres.do('CREATE DATABASE "easel_browser"')
    url = postgres.url("easel_browser")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {
        "PORT": str(port),
        "EASEL_DATA": str(tmp_path_factory.mktemp("site")),
        "EASEL_DATABASE_URL": url,
        "EASEL_SIGNUP": "open",
        "EASEL_STRIPE_SECRET_KEY": "sk_test_1",
        "EASEL_STRIPE_WEBHOOK_SECRET": stripe.webhook_secret,
        "EASEL_STRIPE_API_BASE": stripe.url,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "easel", "serve", "--fake", "--fake-step-seconds", "0.06"],
        env=os.environ | settings,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    said: dict[str, str] = {}
    for line in process.stdout:
        name, _, value = line.strip().partition(": ")
        said[name] = value
        if name == "API key":
            break
    database = Database(url)
    try:
        assert "API key" in said, f"easel serve ended with {process.wait(60)} before it was ready"
        stripe.webhook_url = f"http://127.0.0.1:{port}/api/payments/stripe"
        yield Site(f"http://127.0.0.1:{port}", said["Sign in"], database, stripe)
    finally:
        database.close()
        process.terminate()
        process.wait(60)
        process.stdout.close()


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Open pages; a test fails when one of them complains on the console.

    `expect_complaints`: the browser itself writes there when an answer is a refusal or does not come.
    """
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_page(
        *, width: int = 1280, theme: str = "light", script: bool = True, expect_complaints: bool = False
    ) -> Page:
        context = chromium.new_context(
            viewport={"width": width, "height": 844 if width < 600 else 900},
            color_scheme=theme,  # pyright: ignore[reportArgumentType]
            java_script_enabled=script,
            has_touch=width < 600,
            permissions=["clipboard-read", "clipboard-write"],
        )
        contexts.append(context)
        page = context.new_page()
        if not expect_complaints:
            page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.set_default_timeout(15_000)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
