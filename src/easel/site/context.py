"""What the site needs of whoever mounts it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from easel.accounts.oidc import OidcClient
from easel.accounts.sign_up import SignUp
from easel.artifacts.blobs import BlobStore
from easel.artifacts.links import LinkSigner
from easel.billing.checkout import Checkout
from easel.db.listener import NotificationHub
from easel.db.session import Database
from easel.domain.money import Micros
from easel.kit.clock import Clock
from easel.kit.mail import Postman


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """How people get in."""

    signup: SignUp = SignUp.CLOSED
    verify_email: bool = False
    """Whether an address is proved by a mailed link before there is an account."""
    oidc: OidcClient | None = None


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
    def home_url(self) -> str: ...
    @property
    def secret(self) -> str: ...
    @property
    def default_model(self) -> str: ...
    @property
    def max_wait(self) -> timedelta: ...
    @property
    def checkout(self) -> Checkout | None: ...
    @property
    def least_top_up(self) -> Micros: ...
    @property
    def doors(self) -> Doors: ...
    @property
    def postman(self) -> Postman: ...
