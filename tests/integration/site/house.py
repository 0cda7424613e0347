"""The whole app on a real database, a browser without a screen, and a hand that draws in place of a worker."""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from html import unescape
from typing import Any

from httpx2 import Client

from easel.accounts.sign_in import create_sign_in_token
from easel.accounts.tables import Account
from easel.artifacts.store import describe_picture, picture_key
from easel.gateway.services import Services
from easel.generations.events import announce
from easel.generations.finish import fail, finish, generation_of
from easel.generations.submit import GENERATE
from easel.jobs import queue
from easel.jobs.queue import Lease
from easel.kit.clock import SettableClock
from easel.kit.mail import Mail

STARTER = "/models/easel/easel-starter"
PNG = b"\x89PNG\r\n\x1a\n a picture for tests"


@dataclass
class Mailbox:
    """Takes letters in place of a mail server."""

    letters: list[Mail] = field(default_factory=list[Mail])

    def send(self, mail: Mail) -> None:
        self.letters.append(mail)


@dataclass
class House:
    services: Services
    clock: SettableClock
    browser: Client
    mailbox: Mailbox = field(default_factory=Mailbox)

    def link(self, account: Account, lifetime: timedelta = timedelta(hours=1)) -> str:
        with self.services.database.transaction() as session:
            return f"/sign-in?token={create_sign_in_token(session, self.clock, account.id, lifetime)}"

    def enter(self, link: str, **options: Any) -> Any:
        """Open a sign-in link and press its button."""
        form = self.browser.get(link).text
        found = re.search(r'name="token" value="([^"]*)"', form)
        assert found, form
        return self.browser.post("/sign-in", data={"token": unescape(found[1])}, **options)

    def send(self, page: str, to: str | None = None, **typed: Any) -> Any:
        """Open a page and send its form, to the address that it is on or another."""
        found = re.search(r'name="csrf" value="([^"]*)"', self.browser.get(page).text.partition("<main")[2])
        assert found, page
        return self.browser.post(to or page.partition("?")[0], data={"csrf": unescape(found[1]), **typed})

    def mailed(self) -> list[Mail]:
        """The letters that were sent so far."""
        self.services.postman.drain()
        return self.mailbox.letters

    def opened(self) -> str:
        """Where the link of the last letter leads, on this site."""
        return str(self.mailed()[-1].link).removeprefix(self.services.home_url)

    def sign_in(self, account: Account) -> None:
        assert self.enter(self.link(account)).status_code == 200

    def csrf(self) -> str:
        found = re.search(r'name="csrf" value="([^"]*)"', self.browser.get(STARTER).text)
        assert found
        return unescape(found[1])

    def order(self, **typed: str) -> Any:
        """Send the playground's form; the answer is that of the page it leads to."""
        form = {"csrf": self.csrf(), "prompt": "a red star", **typed}
        return self.browser.post(f"{STARTER}/generations", data=form)

    def ordered(self, **typed: str) -> int:
        """The number of the generation that the form orders."""
        answer = self.order(**typed)
        assert answer.status_code == 200, answer.text
        return int(answer.url.params["generation"])

    def start(self) -> Lease:
        """Claim the next job, as a worker does."""
        with self.services.database.transaction() as session:
            [job] = queue.claim(
                session, self.clock, "hand", kind=GENERATE, resident=[], limit=1, idle=True, lease=timedelta(minutes=1)
            )
            announce(session, job.subject_id, "started")
        return Lease(job.id, "hand", job.attempts)

    def step(self, generation_id: int, step: int, steps: int) -> None:
        with self.services.database.transaction() as session:
            announce(session, generation_id, "step", step=step, steps=steps)

    def finish(self, lease: Lease) -> None:
        self.clock.advance(timedelta(seconds=2))
        with self.services.database.transaction() as session:
            generation = generation_of(session, queue.lock(session, lease.job_id))
            pictures: list[Any] = []
            for index in range(generation.request["samples"]):
                key = picture_key(generation.uuid, index)
                self.services.blobs.put(key, PNG)
                pictures.append(describe_picture(PNG, index=index, key=key, width=128, height=128, seed=index))
            finish(session, self.clock, lease, pictures)

    def fail(self, lease: Lease, sentence: str) -> None:
        with self.services.database.transaction() as session:
            fail(session, self.clock, lease, sentence)
