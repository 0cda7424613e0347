"""What the gateway works with, made once by `easel serve` (or a test) and passed in."""

from dataclasses import dataclass
from datetime import timedelta

from easel.artifacts.blobs import BlobStore
from easel.artifacts.links import LinkSigner
from easel.db.listener import NotificationHub
from easel.db.session import Database
from easel.generations.submit import LONGEST_WAIT
from easel.kit.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    database: Database
    clock: Clock
    blobs: BlobStore
    links: LinkSigner
    hub: NotificationHub
    public_url: str | None
    """Base of the links handed out; without it the request's own address."""
    wait_seconds: float
    """How long a submit waits for its pictures before it answers `processing`."""
    default_model: str
    secret: str
    allow_private_urls: bool = False
    """Whether a webhook may lead to a private address."""
    max_wait: timedelta = LONGEST_WAIT
    """How long a request waits in the queue before it fails, unless it says so itself."""
