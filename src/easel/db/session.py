"""Sessions. One request or one job is one transaction, committed at the edge by `Database.transaction`."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import create_engine, event
from sqlalchemy.exc import DBAPIError, DisconnectionError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session, sessionmaker

from easel.db.notify import Herald, unsent_of

RESTED_SECONDS: Final = 1.0
"""A connection that was not used for so long may have died meanwhile, and is tried before it is handed out."""

DATABASE_IS_DOWN: Final = (OperationalError, InterfaceError, PoolTimeout)


def sqlalchemy_url(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


class Database:
    """A pool of connections to one PostgreSQL database, named by a `postgresql://` URL."""

    def __init__(self, url: str, *, pool_size: int = 20) -> None:
        self.url = url
        self._role: str | None = None
        self.engine = create_engine(
            sqlalchemy_url(url),
            pool_size=pool_size,
            # A connection beyond the pool would be closed after its transaction. One that is kept knows its statements.
            max_overflow=0,
            pool_timeout=5,  # seconds; a client is better told to come again than left waiting
            # An error's text must not carry what was in the row: prompts, addresses, hashes.
            hide_parameters=True,
        )
        event.listen(self.engine, "checkin", _note_use)
        event.listen(self.engine, "checkout", self._try_if_rested)
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)
        self._herald = Herald(url)

    @contextmanager
    def transaction(self) -> Generator[Session]:
        """All of the block is committed, or none of it. The only place that commits."""
        with self._sessions() as session:
            with session.begin():
                yield session
            self._herald.tell(unsent_of(session))

    def take_role(self, role: str) -> None:
        """Work in `role` in every connection that is made from now on. Once is enough."""
        if self._role == role:
            return
        self._role = role

        def set_role(connection: Any, _: object) -> None:
            connection.execute(f"SET ROLE {role}")
            connection.commit()

        event.listen(self.engine, "connect", set_role)

    def end_idle_transactions(self, after_seconds: float) -> None:
        """Have the database end transactions of ours that are silent for so long, in connections made from now on.

        A process that is stopped in the middle of one would otherwise keep its locks, and everybody who waits for them.
        """

        def set_timeout(connection: Any, _: object) -> None:
            connection.execute(f"SET idle_in_transaction_session_timeout = {int(after_seconds * 1000)}")
            connection.commit()

        event.listen(self.engine, "connect", set_timeout)

    def _try_if_rested(self, connection: Any, record: Any, _: object) -> None:
        if time.monotonic() - record.info.get("used_at", time.monotonic()) < RESTED_SECONDS:
            return
        try:
            self.engine.dialect.do_ping(connection)
        except (DBAPIError, self.engine.dialect.loaded_dbapi.Error):
            raise DisconnectionError from None  # the pool makes a new one

    def close(self) -> None:
        self._herald.close()
        self.engine.dispose()


def _note_use(_: object, record: Any) -> None:
    record.info["used_at"] = time.monotonic()
