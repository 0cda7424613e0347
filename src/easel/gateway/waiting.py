"""Waiting for pictures without holding a session or a thread."""

import asyncio
from typing import Final

from starlette.concurrency import run_in_threadpool

from easel.db.notify import GENERATIONS
from easel.db.session import DATABASE_IS_DOWN
from easel.gateway.services import Services
from easel.generations.queries import GenerationView, get_view

LOOK_ANYWAY_SECONDS: Final = 2.0
"""A message may be lost with its connection, so the row is looked at this often without one."""

LONGEST_WAIT_SECONDS: Final = 20.0
"""Clients of the field give up after 25 to 30 seconds."""


async def wait_until_finished(
    services: Services, placed: GenerationView, seconds: float | None = None
) -> GenerationView:
    """The generation once it is finished, or as it stands when the wait is over or the process about to end.

    Waits `seconds`, or as long as a client of the field does.

    A database that cannot be asked ends nothing: the order is accepted and its money held, so an error now would have
    the client order, and pay, a second time. What was seen last is still true enough.
    """

    def look(last: GenerationView) -> GenerationView:
        try:
            with services.database.transaction() as session:
                return get_view(session, services.clock, placed.account_id, placed.id)
        except DATABASE_IS_DOWN:
            return last

    now = asyncio.get_running_loop().time
    deadline = now() + (min(services.wait_seconds, LONGEST_WAIT_SECONDS) if seconds is None else seconds)
    # Subscribe first, look second: what happens between the two is in the queue.
    with services.hub.subscribe(GENERATIONS, generation=placed.id) as messages:
        view = await run_in_threadpool(look, placed)
        while not view.is_final and not services.hub.is_leaving and (left := deadline - now()) > 0:
            message = await messages.next(timeout=min(left, LOOK_ANYWAY_SECONDS))
            if message is None or message.get("event") not in ("step", "preview"):
                view = await run_in_threadpool(look, view)
        return view
