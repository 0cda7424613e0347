"""The app on a real database, and an account with a key and money."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from shop import MONEY, Shop

from easel.accounts.keys import create_key
from easel.accounts.queries import create_account
from easel.artifacts.blobs import BlobStore
from easel.artifacts.links import LinkSigner
from easel.billing import ledger
from easel.catalogue.seed import seed_catalogue
from easel.db.listener import NotificationHub
from easel.db.session import Database
from easel.gateway.app import create_app
from easel.gateway.services import Services
from easel.kit.clock import SettableClock


@pytest.fixture
def services(database: Database, clock: SettableClock) -> Services:
    return Services(
        database=database,
        clock=clock,
        blobs=BlobStore("memory:///"),
        links=LinkSigner("a secret for tests"),
        hub=NotificationHub(database.url),
        public_url=None,
        wait_seconds=0.0,
        blocking_wait_seconds=0.0,
        default_model="easel-starter",
        secret="a secret for tests",
    )


@pytest.fixture
def shop(services: Services, clock: SettableClock) -> Iterator[Shop]:
    with services.database.transaction() as session:
        seed_catalogue(session)
        account = create_account(session, clock, "Ada")
        _, key = create_key(session, clock, account.id, "test")
        ledger.credit(session, clock, account.id, MONEY, key="test money", memo="for tests")
    with TestClient(create_app(services), base_url="http://easel.test") as client:
        yield Shop(services, clock, client, account.id, key)
