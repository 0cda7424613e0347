"""The app on a real database, an account with a key and money, and a hand that draws in place of a worker."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from fastapi.testclient import TestClient

from easel.artifacts.store import describe_picture, picture_key
from easel.billing import wallets
from easel.domain.money import Micros
from easel.gateway.services import Services
from easel.generations.cancel import cancel
from easel.generations.finish import fail, finish, generation_of
from easel.generations.submit import GENERATE
from easel.jobs import queue
from easel.jobs.queue import Lease
from easel.kit.clock import SettableClock

MONEY = Micros(1_000_000)
PNG = b"\x89PNG\r\n\x1a\n a picture for tests"
TEXT2IMG = "/api/v6/images/text2img"


@dataclass
class Shop:
    services: Services
    clock: SettableClock
    client: TestClient
    account_id: int
    key: str

    def post(self, path: str, **fields: Any) -> Any:
        return self.client.post(path, json={"key": self.key, **fields})

    def submit(self, **fields: Any) -> Any:
        """A submit that does not wait."""
        return self.post(TEXT2IMG, prompt="a red star", instant_response="yes", **fields)

    def draw(self, *, error: str | None = None, picture: bytes = PNG) -> int:
        """Claim the next job and end it, as a worker does; answers the generation's id."""
        database = self.services.database
        with database.transaction() as session:
            [job] = queue.claim(
                session, self.clock, "hand", kind=GENERATE, resident=[], limit=1, idle=True, lease=timedelta(minutes=1)
            )
            generation = generation_of(session, job)
        lease = Lease(job.id, "hand", job.attempts)
        self.clock.advance(timedelta(seconds=2))
        with database.transaction() as session:
            if error:
                fail(session, self.clock, lease, error)
                return generation.id
            samples = generation.request["samples"]
            keys = [picture_key(generation.uuid, index, temporary=generation.temporary) for index in range(samples)]
            for key in keys:
                self.services.blobs.put(key, picture)
            pictures = [
                describe_picture(picture, index=index, key=key, width=128, height=128, seed=index)
                for index, key in enumerate(keys)
            ]
            finish(session, self.clock, lease, pictures)
        return generation.id

    def cancel(self, generation_id: int) -> None:
        with self.services.database.transaction() as session:
            cancel(session, self.clock, self.account_id, generation_id)

    @property
    def money(self) -> tuple[int, int]:
        """Available and reserved."""
        with self.services.database.transaction() as session:
            return wallets.balance(session, self.account_id), wallets.reserved(session, self.account_id)
