"""A generation as it happens, for the output panel: the panel anew at every change, and the steps between.

What is new and when is `generations.live`'s to say; here it is drawn. The present state comes first, so a browser that
reconnects has missed nothing.
"""

from collections.abc import AsyncIterator
from typing import Any

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from easel.db.session import DATABASE_IS_DOWN
from easel.domain.errors import NotAuthenticated
from easel.domain.money import Micros, format_dollars
from easel.generations.live import News, follow
from easel.generations.queries import GenerationView, get_view
from easel.kit import sse
from easel.site.history import past_pictures
from easel.site.output import output_of
from easel.site.site import ENDED, Site, Visitor, money_of


class Live:
    def __init__(self, site: Site) -> None:
        self._site = site

    async def events(self, request: Request, generation_id: int) -> StreamingResponse:
        try:
            visitor = await run_in_threadpool(self._visitor, request)
            await run_in_threadpool(self._look, visitor, generation_id)  # not theirs: a refusal, not a stream
        except DATABASE_IS_DOWN:
            return StreamingResponse(iter([sse.COME_AGAIN]), media_type=sse.MEDIA_TYPE, headers=sse.HEADERS)
        return StreamingResponse(self._stream(visitor, generation_id), media_type=sse.MEDIA_TYPE, headers=sse.HEADERS)

    async def _stream(self, visitor: Visitor, generation_id: int) -> AsyncIterator[str]:
        hub = self._site.services.hub
        async for news in follow(hub, generation_id, lambda: self._look(visitor, generation_id)):
            if news is None:
                yield sse.HEARTBEAT
            elif news.name in ("step", "preview"):
                yield sse.event(news.name, self._progress(news), str(news.place))
            else:
                yield sse.event("output", await run_in_threadpool(self._drawn, news, visitor), str(news.place))

    def _visitor(self, request: Request) -> Visitor:
        with self._site.services.database.transaction() as session:
            visitor = self._site.visitor(session, request)
        if visitor is None:
            raise NotAuthenticated(ENDED)
        return visitor

    def _look(self, visitor: Visitor, generation_id: int) -> GenerationView:
        services = self._site.services
        with services.database.transaction() as session:
            return get_view(session, services.clock, visitor.account.id, generation_id)

    def _money(self, visitor: Visitor) -> Micros | None:
        try:
            with self._site.services.database.transaction() as session:
                return money_of(session, visitor.account)
        except DATABASE_IS_DOWN:
            return None

    def _progress(self, news: News) -> dict[str, Any]:
        progress: dict[str, Any] = {"step": news.step, "steps": news.steps}
        return progress | {"url": self._site.services.links.path(news.preview_key)} if news.preview_key else progress

    def _drawn(self, news: News, visitor: Visitor) -> dict[str, Any]:
        output = output_of(news.view, self._site.services.links)
        html = self._site.renderer.fragment("playground_output.html", output=output, csrf=visitor.csrf)
        money = self._money(visitor)
        balance = None if money is None else format_dollars(money)
        drawn = {"state": output.state, "label": output.label, "html": html, "balance": balance}
        return drawn | {"past": self._past(visitor)} if output.state == "done" else drawn

    def _past(self, visitor: Visitor) -> str | None:
        """The strip of what was drawn before, with what has just been drawn."""
        try:
            with self._site.services.database.transaction() as session:
                past = past_pictures(session, visitor.account.id)
        except DATABASE_IS_DOWN:
            return None
        return self._site.renderer.fragment("playground_past.html", past=past)
