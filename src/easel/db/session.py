"""Sessions. One request or one job is one transaction, committed at the edge by `Database.transaction`."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import create_engine, event
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session, sessionmaker

DATABASE_IS_DOWN: Final = (OperationalError, InterfaceError, PoolTimeout)


def sqlalchemy_url(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


class Database:
    """A pool of connections to one PostgreSQL database, named by a `postgresql://` URL."""

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.url = url
        self._role: str | None = None
        self.engine = create_engine(
            sqlalchemy_url(url),
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=5,  # seconds; a client is better told to come again than left waiting
            pool_pre_ping=True,
            # An error's text must not carry what was in the row: prompts, addresses, hashes.
            hide_parameters=True,
        )
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)

    @contextmanager
    def transaction(self) -> Generator[Session]:
        """All of the block is committed, or none of it. The only place that commits."""
        with self._sessions() as session, session.begin():
            yield session

    def take_role(self, role: str) -> None:
        """Work in `role` in every connection that is made from now on. Once is enough."""
        if self._role == role:
            return
        self._role = role

        def set_role(connection: Any, _: object) -> None:
            connection.execute(f"SET ROLE {role}")
            connection.commit()

        event.listen(self.engine, "connect", set_role)

    def close(self) -> None:
        self.engine.dispose()
