"""What a command works on: the installation that the settings describe."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from easel.artifacts.blobs import BlobStore
from easel.artifacts.links import LinkSigner
from easel.catalogue.seed import seed_catalogue
from easel.db.embedded import EmbeddedServer
from easel.db.migrate import migrate
from easel.db.session import Database
from easel.kit.clock import Clock, SystemClock
from easel.kit.files import write_private
from easel.kit.ids import new_token
from easel.settings import Settings


@dataclass(frozen=True)
class Installation:
    settings: Settings
    database: Database
    clock: Clock
    secret: str

    @property
    def blobs(self) -> BlobStore:
        return BlobStore(self.settings.storage_url or self.settings.data / "files")

    @property
    def links(self) -> LinkSigner:
        return LinkSigner(self.secret)


@contextmanager
def open_installation(settings: Settings | None = None, *, owns_server: bool = False) -> Generator[Installation]:
    """The installation with its database up and migrated.

    Without a database URL the embedded server is started, or joined when `easel serve` already runs it; it is left
    as it was found, but for `owns_server`, which stops it in any case.
    """
    settings = settings or Settings()
    server = None if settings.database_url else EmbeddedServer(settings.data / "postgres")
    database = Database(settings.database_url or server.url())
    try:
        migrate(database)
        with database.transaction() as session:
            seed_catalogue(session)
        yield Installation(settings, database, SystemClock(), settings.secret or _secret_of(settings.data))
    finally:
        database.close()
        if server and owns_server:
            server.stop()
        elif server:
            server.stop_unless_shared()


def _secret_of(data: Path) -> str:
    """The installation's secret: made once, readable by its owner alone."""
    path = data / "secret"
    if not path.exists():
        write_private(path, new_token())
    return path.read_text()
