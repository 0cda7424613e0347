"""What the gateway works with, made once by `easel serve` (or a test) and passed in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from starlette.requests import Request

from easel.artifacts.blobs import BlobStore
from easel.artifacts.links import LinkSigner
from easel.artifacts.reading import MOST_BYTES
from easel.billing.checkout import Checkout
from easel.db.listener import NotificationHub
from easel.db.session import Database
from easel.domain.money import MICROS_PER_DOLLAR, Micros
from easel.generations.submit import LONGEST_WAIT
from easel.kit.clock import Clock
from easel.kit.fetch import Fetcher
from easel.kit.mail import LogMailer, Postman
from easel.site.context import Doors
from easel.wording.translate import Translator

LEAST_TOP_UP = Micros(10 * MICROS_PER_DOLLAR)


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
    checkout: Checkout | None = None
    """Where cards are charged; without it an operator credits accounts."""
    least_top_up: Micros = LEAST_TOP_UP
    home_url: str = "http://127.0.0.1:8000"
    """Base of mailed links. Never a request's own address: whoever asks could have the link lead to themselves."""
    doors: Doors = field(default_factory=Doors)
    postman: Postman = field(default_factory=lambda: Postman(LogMailer()))
    enhances_prompts: bool = False
    """What ModelsLab's enhance_prompt is when it is left out."""
    translator: Translator | None = None
    modelslab_defaults: Mapping[str, object] = field(default_factory=dict[str, object])
    """What ModelsLab's fields are when they are left out, as its clients would send it."""
    old_paths_answer_200: bool = False
    """Whether errors of ModelsLab's v3, v4 and v5 paths carry the HTTP status 200, as they once did."""
    blocking_wait_seconds: float = 600.0
    """How long a request of a dialect that knows no `processing` is kept waiting."""
    fetcher: Fetcher = field(default_factory=lambda: Fetcher(max_bytes=MOST_BYTES))
    """The way to pictures that requests name by address."""
    keyless: str | None = None
    """The key of whoever calls AUTOMATIC1111's API without one; None refuses them."""


def base_url_of(services: Services, request: Request) -> str:
    """What links in an answer begin with."""
    return (services.public_url or str(request.base_url)).rstrip("/")
