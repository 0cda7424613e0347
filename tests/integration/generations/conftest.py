"""An account with money and a catalogue: what every order needs."""

from collections.abc import Callable

import pytest

from easel.accounts.queries import create_account
from easel.accounts.tables import Account
from easel.billing import ledger
from easel.catalogue.seed import seed_catalogue
from easel.db.session import Database
from easel.domain.money import Micros
from easel.domain.request import GenerationDraft
from easel.generations.submit import submit
from easel.generations.tables import Generation
from easel.kit.clock import SettableClock

DRAFT = GenerationDraft(model_id="easel-starter", prompt="a red star")


@pytest.fixture
def account(database: Database, clock: SettableClock) -> Account:
    """On pay-as-you-go with ten dollars."""
    with database.transaction() as session:
        seed_catalogue(session)
        account = create_account(session, clock, "Ada", email=None, plan="pay-as-you-go")
        ledger.credit(session, clock, account.id, Micros(10_000_000), key="start")
        return account


@pytest.fixture
def order(database: Database, clock: SettableClock, account: Account) -> Callable[..., Generation]:
    """Submit a generation in a transaction of its own."""

    def order(samples: int = 1, webhook: str | None = None) -> Generation:
        draft = GenerationDraft(model_id=DRAFT.model_id, prompt=DRAFT.prompt, samples=samples)
        with database.transaction() as session:
            return submit(session, clock, account, draft, base_url="http://here", webhook=webhook)

    return order
