"""A generation as it happens: server-sent events, each with an id.

The current state comes first, so a browser that reconnects has missed nothing. No database session is held while
waiting, and a database that is away for a while ends no stream: a browser that reconnects then would be refused, and
give up for good.
"""

import json
from collections.abc import AsyncIterator
from itertools import count
from typing import Any, Final

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from easel.db.notify import GENERATIONS
from easel.db.session import DATABASE_IS_DOWN
from easel.domain.errors import NotAuthenticated
from easel.domain.money import Micros, format_dollars
from easel.generations.queries import get_view
from easel.site.output import Output, output_of
from easel.site.site import ENDED, Site, Visitor, money_of

LOOK_WHILE_QUEUED: Final = 2.0
"""Seconds between looks at the queue: another request's end moves ours forward without a word to us."""
LOOK_WHILE_DRAWN: Final = 10.0
"""Also the longest silence: a proxy cuts a stream that says nothing."""

HEARTBEAT: Final = ": still here\n\n"
HEADERS: Final = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


class Live:
    def __init__(self, site: Site) -> None:
        self._site = site

    async def events(self, request: Request, generation_id: int) -> StreamingResponse:
        visitor = await run_in_threadpool(self._visitor, request)
        await run_in_threadpool(self._look, visitor, generation_id)  # not theirs: a refusal, not a stream
        stream = self._stream(visitor, generation_id, _last_event_id(request))
        return StreamingResponse(stream, media_type="text/event-stream", headers=HEADERS)

    async def _stream(self, visitor: Visitor, generation_id: int, last_id: int) -> AsyncIterator[str]:
        ids = count(last_id + 1)
        shown: Output | None = None
        hub = self._site.services.hub
        with hub.subscribe(GENERATIONS, generation=generation_id) as news:
            while not hub.is_leaving:  # the browser connects again, to the next process
                try:
                    output, money = await run_in_threadpool(self._look, visitor, generation_id)
                except DATABASE_IS_DOWN:
                    yield HEARTBEAT
                    await news.next(LOOK_WHILE_QUEUED)
                    continue
                if output != shown:
                    shown = output
                    yield _event("output", self._drawn(output, money, visitor.csrf), next(ids))
                if output.is_final:
                    return
                pause = LOOK_WHILE_QUEUED if output.state == "queued" else LOOK_WHILE_DRAWN
                while (message := await news.next(pause)) and message.get("event") == "step":
                    yield _event("step", message, next(ids))
                if message is None:
                    yield HEARTBEAT

    def _visitor(self, request: Request) -> Visitor:
        with self._site.services.database.transaction() as session:
            visitor = self._site.visitor(session, request)
        if visitor is None:
            raise NotAuthenticated(ENDED)
        return visitor

    def _look(self, visitor: Visitor, generation_id: int) -> tuple[Output, Micros | None]:
        services = self._site.services
        with services.database.transaction() as session:
            view = get_view(session, services.clock, visitor.account.id, generation_id)
            return output_of(view, services.links), money_of(session, visitor.account)

    def _drawn(self, output: Output, money: Micros | None, csrf: str) -> dict[str, Any]:
        html = self._site.renderer.fragment("output.html", output=output, csrf=csrf)
        balance = None if money is None else format_dollars(money)
        return {"state": output.state, "label": output.label, "html": html, "balance": balance}


def _event(name: str, data: dict[str, Any], number: int) -> str:
    return f"id: {number}\nevent: {name}\ndata: {json.dumps(data)}\n\n"


def _last_event_id(request: Request) -> int:
    said = request.headers.get("last-event-id", "")
    return int(said) if said.isascii() and said.isdigit() and len(said) < 10 else 0
