"""`easel gateway`: one HTTP process. Never imports torch."""

import signal
import socket
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from threading import Thread
from typing import Annotated

import uvicorn
from cyclopts import Parameter

from easel.accounts.oidc import OidcClient, Provider
from easel.accounts.owner import ensure_owner, ensure_owner_key
from easel.accounts.sign_up import SignUp
from easel.artifacts.reading import MOST_BYTES
from easel.billing.checkout import Checkout
from easel.cli.context import Installation, open_installation
from easel.cli.orphan import stop_with_parent
from easel.db.listener import NotificationHub
from easel.domain.errors import InvalidRequest
from easel.domain.money import micros_from_dollars
from easel.gateway.app import create_app, warm
from easel.gateway.dialects.modelslab.schemas import Pictured
from easel.gateway.notices import tell_of_low_balance
from easel.gateway.services import Services
from easel.gateway.telling import teller
from easel.generations.expire import Keep
from easel.generations.janitor import janitor
from easel.kit import logs
from easel.kit.clock import Clock
from easel.kit.fetch import Fetcher
from easel.kit.mail import LogMailer, Mailer, Postman, SmtpMailer
from easel.settings import Settings
from easel.site.context import Doors
from easel.webhooks.courier import courier
from easel.wording.translate import Translator, translator_named

IDLE_TRANSACTION_SECONDS = 30.0
"""Well over what any of ours is silent for."""


def gateway(*, supervised: Annotated[bool, Parameter(show=False)] = False) -> None:
    """Answer HTTP requests and send webhooks, until stopped."""
    settings = Settings()
    logs.configure("gateway", level=settings.log_level, json=settings.log_json)
    for number in (signal.SIGINT, signal.SIGTERM):
        # uvicorn has handlers of its own and repeats the signal when it is done; that must not end us half-way.
        signal.signal(number, lambda *_: None)
    if supervised:
        stop_with_parent()
    with open_installation(settings) as installation:
        installation.database.end_idle_transactions(IDLE_TRANSACTION_SECONDS)
        services = Services(
            database=installation.database,
            clock=installation.clock,
            blobs=installation.blobs,
            links=installation.links,
            hub=NotificationHub(installation.database.url),
            public_url=settings.public_url,
            wait_seconds=settings.wait_seconds,
            default_model=settings.default_model,
            enhances_prompts=settings.enhance_prompt,
            translator=_translator(settings),
            secret=installation.secret,
            allow_private_urls=settings.allow_private_urls,
            max_wait=timedelta(hours=settings.max_wait_hours),
            checkout=_checkout(settings),
            least_top_up=micros_from_dollars(str(settings.least_top_up)),
            home_url=settings.home_url,
            doors=_doors(settings, installation.clock),
            postman=Postman(_mailer(settings)),
            modelslab_defaults=_checked(settings.modelslab_defaults),
            old_paths_answer_200=settings.old_paths_answer_200,
            fetcher=Fetcher(allow_private=settings.allow_private_urls, max_bytes=MOST_BYTES),
            keyless=_owners_key(installation) if settings.a1111_open else None,
        )
        app = create_app(services)
        Thread(target=warm, args=(app,), name="warm", daemon=True).start()
        # No access log: its lines would carry keys that clients put into the query string.
        config = uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            access_log=False,
            log_level="warning",
            server_header=False,
            timeout_graceful_shutdown=5,
        )
        fetcher = Fetcher(allow_private=settings.allow_private_urls)
        database, clock = installation.database, installation.clock
        render = teller(clock, installation.links)
        with (
            courier(database, clock, fetcher, installation.secret, render=render),
            janitor(database, clock, installation.blobs, keep_of(settings), partial(tell_of_low_balance, services)),
        ):
            LeavingServer(config, services.hub).run(_shared_port(settings))
        services.postman.close()


def _owners_key(installation: Installation) -> str:
    with installation.database.transaction() as session:
        owner = ensure_owner(session, installation.clock)
        return ensure_owner_key(session, installation.clock, owner, installation.secret)


def _checked(defaults: Mapping[str, object]) -> Mapping[str, object]:
    """Raises InvalidRequest for a value that no request could send."""
    Pictured.read(defaults)
    return defaults


def _mailer(settings: Settings) -> Mailer:
    return SmtpMailer.at(settings.smtp_url, settings.mail_from) if settings.smtp_url else LogMailer()


def _translator(settings: Settings) -> Translator | None:
    try:
        return translator_named(settings.translator) if settings.translator else None
    except ValueError as error:
        raise InvalidRequest("translator", f"EASEL_TRANSLATOR: {error}.") from None


def _doors(settings: Settings, clock: Clock) -> Doors:
    provider = None
    if settings.oidc_issuer and settings.oidc_client_id and settings.oidc_client_secret:
        provider = Provider(
            settings.oidc_issuer, settings.oidc_client_id, settings.oidc_client_secret, settings.oidc_name
        )
    return Doors(
        signup=SignUp(settings.signup),
        verify_email=bool(settings.smtp_url) if settings.verify_email is None else settings.verify_email,
        oidc=OidcClient(provider, clock) if provider else None,
    )


def _shared_port(settings: Settings) -> list[socket.socket] | None:
    """Several gateways listen on one port, and the system deals connections out to them; None for one alone."""
    if settings.gateways == 1:
        return None
    listener = socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind((settings.host, settings.port))
    return [listener]


def keep_of(settings: Settings) -> Keep:
    return Keep(results=None if settings.keep_days is None else timedelta(days=settings.keep_days))


def _checkout(settings: Settings) -> Checkout | None:
    if not (settings.stripe_secret_key and settings.stripe_webhook_secret):
        return None
    return Checkout(
        secret_key=settings.stripe_secret_key,
        webhook_secret=settings.stripe_webhook_secret,
        api_base=settings.stripe_api_base,
    )


class LeavingServer(uvicorn.Server):
    """Tells those who wait for pictures that it is leaving: they are answered `processing` rather than cut off."""

    def __init__(self, config: uvicorn.Config, hub: NotificationHub) -> None:
        super().__init__(config)
        self._hub = hub

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._hub.let_go()
        await super().shutdown(sockets)
