"""Waiting for pictures without holding a session or a thread."""

import asyncio
from typing import Final

from starlette.concurrency import run_in_threadpool

from easel.db.notify import GENERATIONS
from easel.gateway.services import Services
from easel.generations.queries import GenerationView, get_view

LOOK_ANYWAY_SECONDS: Final = 2.0
"""A message may be lost with its connection, so the row is looked at this often without one."""

LONGEST_WAIT_SECONDS: Final = 20.0
"""Clients of the field give up after 25 to 30 seconds."""


async def wait_until_finished(services: Services, account_id: int, generation_id: int) -> GenerationView:
    """The generation once it is finished, or as it stands when the wait is over or the process about to end."""

    def look() -> GenerationView:
        with services.database.transaction() as session:
            return get_view(session, services.clock, account_id, generation_id)

    now = asyncio.get_running_loop().time
    deadline = now() + min(services.wait_seconds, LONGEST_WAIT_SECONDS)
    # Subscribe first, look second: what happens between the two is in the queue.
    with services.hub.subscribe(GENERATIONS, generation=generation_id) as messages:
        view = await run_in_threadpool(look)
        while not view.is_final and not services.hub.is_leaving and (left := deadline - now()) > 0:
            message = await messages.next(timeout=min(left, LOOK_ANYWAY_SECONDS))
            if message is None or message.get("event") != "step":
                view = await run_in_threadpool(look)
        return view
