"""The site under test, where pictures of it go, and what every page must look like."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from playwright.sync_api import Page

from easel.accounts.owner import ensure_owner
from easel.accounts.queries import create_account
from easel.accounts.sign_in import create_sign_in_token
from easel.billing import ledger
from easel.billing.fake_stripe import FakeStripe
from easel.db.session import Database
from easel.domain.money import Micros
from easel.kit.clock import SystemClock
from easel.kit.ids import new_uuid

PICTURES: Final = Path(__file__).parents[2] / "test-artifacts"
CLOCK: Final = SystemClock()


@dataclass(frozen=True)
class Site:
    address: str
    owners_link: str
    database: Database
    stripe: FakeStripe

    def link(self) -> str:
        """A sign-in link for somebody new who pays as they go and has ten dollars."""
        with self.database.transaction() as session:
            account = create_account(session, CLOCK, "Ada", f"{new_uuid()}@example.org", "pay-as-you-go")
            ledger.credit(session, CLOCK, account.id, Micros(10_000_000), key=f"gift:{account.id}", memo="for tests")
            token = create_sign_in_token(session, CLOCK, account.id, timedelta(minutes=5))
        return f"{self.address}/sign-in?token={token}"

    def link_of_owner(self) -> str:
        """The one that was printed works once."""
        with self.database.transaction() as session:
            token = create_sign_in_token(session, CLOCK, ensure_owner(session, CLOCK).id, timedelta(minutes=5))
        return f"{self.address}/sign-in?token={token}"


def shoot(page: Page, name: str) -> None:
    PICTURES.mkdir(exist_ok=True)
    page.wait_for_timeout(500)  # a picture fades in
    page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


def unfold(page: Page) -> None:
    """Show what stands under Advanced."""
    if not page.get_by_label("Steps").is_visible():
        page.get_by_text("Advanced", exact=True).click()


def check_look(page: Page, width: int, theme: str) -> None:
    page.wait_for_load_state()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    red = page.evaluate("getComputedStyle(document.documentElement).backgroundColor.match(/\\d+/)[0]")
    assert (int(red) > 128) == (theme == "light")
    if width < 600:
        small = page.evaluate(
            # A card is a link as a whole; a link inside a text is as high as its line.
            """[...document.querySelectorAll("button, a:not(p a, .doc a, .card a), .choice, .segments label")]
               .filter((one) => one.offsetParent && one.getBoundingClientRect().height < 44 && !one.matches(".skip"))
               .map((one) => one.textContent.trim())"""
        )
        assert small == []
