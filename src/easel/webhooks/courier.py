"""Delivery as a part of a longer-lived process."""

import threading
from collections.abc import Generator
from contextlib import contextmanager

import structlog
from sqlalchemy.exc import SQLAlchemyError

from easel.db.session import Database
from easel.kit.clock import Clock
from easel.kit.fetch import Fetcher
from easel.webhooks.deliver import Render, deliver_due, render_nothing

log = structlog.get_logger()

POLL_SECONDS = 1.0


@contextmanager
def courier(
    database: Database,
    clock: Clock,
    fetcher: Fetcher,
    installation_secret: str,
    *,
    render: Render = render_nothing,
    poll_seconds: float = POLL_SECONDS,
) -> Generator[None]:
    """Deliver what is due, in a thread, for as long as the block runs. Any number of processes may do so at a time.

    The end of the block waits for events that are under way, at most as long as the fetcher lets one take.
    """
    stopping = threading.Event()

    def run() -> None:
        while not stopping.is_set():
            try:
                tried = deliver_due(database, clock, fetcher, installation_secret, render=render)
            except SQLAlchemyError as error:
                # The database may come back; what was claimed is due again when its lease runs out.
                log.warning("webhooks wait for the database", error=type(error).__name__)
                tried = 0
            if not tried:
                stopping.wait(poll_seconds)

    thread = threading.Thread(target=run, name="courier", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()
