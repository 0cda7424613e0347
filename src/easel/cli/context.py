"""What a command works on: the installation that the settings describe."""

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from easel.artifacts.blobs import BlobStore
from easel.artifacts.links import LinkSigner
from easel.catalogue.seed import seed_catalogue
from easel.db.embedded import EmbeddedServer
from easel.db.identity import claim_database
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
    server: EmbeddedServer | None
    """None where the database runs elsewhere."""

    @property
    def blobs(self) -> BlobStore:
        return BlobStore(self.settings.storage_url or self.settings.data / "files")

    @property
    def links(self) -> LinkSigner:
        return LinkSigner(self.secret)


@contextmanager
def open_installation(settings: Settings | None = None, *, owns_server: bool = False) -> Generator[Installation]:
    """The installation with its database up and migrated.

    Without a database URL the embedded server is started, or joined when another process runs it already. Whoever is
    the last to leave stops it; `owns_server` stops it in any case.
    """
    settings = settings or Settings()
    secret = settings.secret or _secret_of(settings.data)
    with ExitStack() as opened:
        server = None if settings.database_url else EmbeddedServer(settings.data / "postgres")
        if server:
            opened.callback(server.stop if owns_server else server.leave)
        database = Database(server.url() if server else str(settings.database_url))
        opened.callback(database.close)
        migrate(database)
        with database.transaction() as session:
            claim_database(session, secret)
            seed_catalogue(session)
        yield Installation(settings, database, SystemClock(), secret, server)


def _secret_of(data: Path) -> str:
    """The installation's secret: made once, readable by its owner alone."""
    path = data / "secret"
    if not path.exists():
        write_private(path, new_token())
    return path.read_text()
