"""A database that goes away and comes back, as it does when its server is started anew."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from easel.db.session import Database


@contextmanager
def outage(postgres: Any, database: Database) -> Generator[None]:
    """While the block runs, whoever was connected is thrown out and nobody gets in."""
    name = database.engine.url.database
    postgres.do(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
    postgres.do(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    try:
        yield
    finally:
        postgres.do(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
