"""A house with two people: Ada pays as she goes, Grace has the premium plan."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from house import House, Mailbox

from easel.accounts.queries import create_account
from easel.accounts.sign_up import SignUp
from easel.accounts.tables import Account
from easel.artifacts.blobs import BlobStore
from easel.artifacts.links import LinkSigner
from easel.billing import ledger
from easel.catalogue.queries import mark_installed
from easel.catalogue.seed import seed_catalogue
from easel.db.listener import NotificationHub
from easel.db.session import Database
from easel.domain.money import Micros
from easel.gateway.app import create_app
from easel.gateway.services import Services
from easel.kit.clock import SettableClock
from easel.kit.mail import Postman
from easel.site.context import Doors


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def services(database: Database, clock: SettableClock, mailbox: Mailbox) -> Iterator[Services]:
    with database.transaction() as session:
        seed_catalogue(session)
        mark_installed(session, "easel-starter", "package:easel-starter")
    services = Services(
        database=database,
        clock=clock,
        blobs=BlobStore("memory:///"),
        links=LinkSigner("a secret for tests"),
        hub=NotificationHub(database.url),
        public_url=None,
        wait_seconds=0.0,
        default_model="easel-starter",
        secret="a secret for tests",
        home_url="https://home.test",
        doors=Doors(signup=SignUp.OPEN),
        postman=Postman(mailbox, pauses=()),
    )
    yield services
    services.postman.close()


@pytest.fixture
def house(services: Services, clock: SettableClock, mailbox: Mailbox) -> Iterator[House]:
    with TestClient(create_app(services), base_url="http://easel.test") as browser:
        yield House(services, clock, browser, mailbox)


@pytest.fixture
def ada(services: Services, clock: SettableClock) -> Account:
    with services.database.transaction() as session:
        account = create_account(session, clock, "Ada", plan="pay-as-you-go")
        ledger.credit(session, clock, account.id, Micros(1_000_000), key="test money", memo="for tests")
        return account


@pytest.fixture
def grace(services: Services, clock: SettableClock) -> Account:
    with services.database.transaction() as session:
        return create_account(session, clock, "Grace", plan="premium")
