"""Waiting for pictures without holding a session or a thread."""

import asyncio
from collections.abc import Callable
from typing import Final, Protocol, TypeVar

from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from easel.db.listener import Subscription
from easel.db.notify import CHECKS, GENERATIONS
from easel.db.session import DATABASE_IS_DOWN
from easel.gateway.services import Services
from easel.generations.checking import CheckView, get_check
from easel.generations.queries import GenerationView, get_view

LOOK_ANYWAY_SECONDS: Final = 2.0
"""A message may be lost with its connection, so the row is looked at this often without one."""

LONGEST_WAIT_SECONDS: Final = 20.0
"""Clients of the field give up after 25 to 30 seconds."""


class Awaited(Protocol):
    @property
    def is_final(self) -> bool: ...


View = TypeVar("View", bound=Awaited)


async def wait_until_finished(
    services: Services, placed: GenerationView, seconds: float | None = None
) -> GenerationView:
    """The generation once it is finished, or as it stands when the wait is over or the process about to end.

    Waits `seconds`, or as long as a client of the field does.
    """

    def look(session: Session) -> GenerationView:
        return get_view(session, services.clock, placed.account_id, placed.id)

    news = services.hub.subscribe(GENERATIONS, generation=placed.id)
    return await _wait(services, news, look, placed, seconds)


async def wait_until_checked(services: Services, asked: CheckView) -> CheckView:
    """What was found in the picture, or that nobody has looked yet when the wait is over."""
    news = services.hub.subscribe(CHECKS, check=asked.id)
    return await _wait(services, news, lambda session: get_check(session, asked.id), asked)


async def _wait(
    services: Services, news: Subscription, look: Callable[[Session], View], last: View, seconds: float | None = None
) -> View:
    """What `look` finds once it is final, or when the time is over. `news` must have been subscribed to before.

    A database that cannot be asked ends nothing: an order is accepted and its money held, so an error now would have
    the client order, and pay, a second time. What was seen last is still true enough.
    """

    def see(last: View) -> View:
        try:
            with services.database.transaction() as session:
                return look(session)
        except DATABASE_IS_DOWN:
            return last

    now = asyncio.get_running_loop().time
    deadline = now() + (min(services.wait_seconds, LONGEST_WAIT_SECONDS) if seconds is None else seconds)
    with news:
        # Subscribed first, looked second: what happens between the two is in the queue.
        last = await run_in_threadpool(see, last)
        while not last.is_final and not services.hub.is_leaving and (left := deadline - now()) > 0:
            message = await news.next(timeout=min(left, LOOK_ANYWAY_SECONDS))
            if message is None or message.get("event") not in ("step", "preview"):
                last = await run_in_threadpool(see, last)
        return last
