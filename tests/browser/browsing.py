"""The site under test, and where pictures of it go."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from easel.accounts.queries import create_account
from easel.accounts.sign_in import create_sign_in_token
from easel.billing import ledger
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

    def link(self) -> str:
        """A sign-in link for somebody new who pays as they go and has ten dollars."""
        with self.database.transaction() as session:
            account = create_account(session, CLOCK, "Ada", f"{new_uuid()}@example.org", "pay-as-you-go")
            ledger.credit(session, CLOCK, account.id, Micros(10_000_000), key=f"gift:{account.id}", memo="for tests")
            token = create_sign_in_token(session, CLOCK, account.id, timedelta(minutes=5))
        return f"{self.address}/sign-in?token={token}"
