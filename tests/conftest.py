"""Fixtures that every ring of tests shares: one PostgreSQL a run, a fresh migrated database a test, a clock that waits.

The server starts when the first test asks for a database, so unit tests never pay for it.
"""

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from receiver import Receiver, listening
from sqlalchemy import Connection, text
from sqlalchemy.orm import Session
from xdist.scheduler.loadfile import LoadFileScheduling

from easel.db.embedded import EmbeddedServer
from easel.db.migrate import migrate
from easel.db.session import Database
from easel.kit.clock import SettableClock

TEMPLATE = "easel_template"


SERVERS_OF_THEIR_OWN = ("test_chaos.py", "test_modelslab_clients.py", "test_steered_pictures.py")


class ByServer(LoadFileScheduling):
    """A file's tests run in one process, and so do all that share the server with the starter model."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        shares = file.startswith("tests/acceptance/") and not file.endswith(SERVERS_OF_THEIR_OWN)
        return "the acceptance tests' server" if shares else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByServer:
    return ByServer(config, log)


@dataclass(frozen=True)
class TestServer:
    """A PostgreSQL for this run alone. It forgets everything at the end, so it need not wait for the disk."""

    admin_url: str
    admin: Connection

    __test__ = False

    def do(self, statement: str) -> None:
        self.admin.execute(text(statement))

    def url(self, name: str) -> str:
        return self.admin_url.replace("/postgres?", f"/{name}?", 1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[TestServer]:
    folder = Path(tempfile.mkdtemp(prefix="easel-test-"))
    server = EmbeddedServer(folder / "postgres")
    admin_url = server.url("postgres")
    engine = Database(admin_url).engine.execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as admin:
        postgres = TestServer(admin_url, admin)
        for statement in ("ALTER SYSTEM SET fsync = off", "ALTER SYSTEM SET full_page_writes = off"):
            postgres.do(statement)
        postgres.do("SELECT pg_reload_conf()")
        yield postgres
    engine.dispose()
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def template(postgres: TestServer) -> str:
    """The name of a migrated database without rows; a test's own is a copy of it."""
    postgres.do(f'CREATE DATABASE "{TEMPLATE}"')
    database = Database(postgres.url(TEMPLATE))
    migrate(database)
    database.close()
    return TEMPLATE


@pytest.fixture
def database_url(postgres: TestServer, template: str) -> Iterator[str]:
    """The `postgresql://` URL of a fresh, migrated database."""
    name = f"test_{secrets.token_hex(8)}"
    postgres.do(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
    yield postgres.url(name)
    postgres.do(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url, pool_size=64)
    yield database
    database.close()


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    """One transaction that is committed at the end, so that deferred constraints speak up."""
    with database.transaction() as session:
        yield session


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def empty_database(postgres: TestServer) -> Iterator[Database]:
    """A database without any table, for tests of the migrations themselves."""
    postgres.do('CREATE DATABASE "easel_empty"')
    database = Database(postgres.url("easel_empty"))
    yield database
    database.close()
    postgres.do('DROP DATABASE "easel_empty" WITH (FORCE)')


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """An HTTP server on this machine that answers as told and remembers what it was sent."""
    with listening() as receiver:
        yield receiver
