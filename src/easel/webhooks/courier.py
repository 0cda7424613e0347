"""Delivery as a part of a longer-lived process."""

from collections.abc import Generator
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError

from easel.db.session import Database
from easel.kit.clock import Clock
from easel.kit.fetch import Fetcher
from easel.kit.repeating import repeating
from easel.webhooks.deliver import Render, deliver_due, render_nothing

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

    The end of the block waits for events that are under way, at most as long as the fetcher lets one take. What was
    claimed when the database went away is due again when its lease runs out.
    """

    def deliver(_: object) -> bool:
        return deliver_due(database, clock, fetcher, installation_secret, render=render) > 0

    with repeating("courier", deliver, pause=poll_seconds, away=(SQLAlchemyError,)):
        yield
