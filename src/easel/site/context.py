"""What the site needs of whoever mounts it."""

from datetime import timedelta
from typing import Protocol

from easel.artifacts.blobs import BlobStore
from easel.artifacts.links import LinkSigner
from easel.db.listener import NotificationHub
from easel.db.session import Database
from easel.kit.clock import Clock


class Services(Protocol):
    """The part of the gateway's services that pages use; read only, so that a frozen dataclass fits."""

    @property
    def database(self) -> Database: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def blobs(self) -> BlobStore: ...
    @property
    def links(self) -> LinkSigner: ...
    @property
    def hub(self) -> NotificationHub: ...
    @property
    def public_url(self) -> str | None: ...
    @property
    def secret(self) -> str: ...
    @property
    def default_model(self) -> str: ...
    @property
    def max_wait(self) -> timedelta: ...
