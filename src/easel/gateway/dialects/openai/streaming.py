"""A picture as it comes: server-sent events with real pictures of the denoising, then the last one.

A client that goes away has its order cancelled: nobody would see the picture, and what is not drawn costs nothing.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.concurrency import run_in_threadpool

from easel.db.notify import GENERATIONS
from easel.db.session import DATABASE_IS_DOWN
from easel.gateway.dialects.openai import answers
from easel.gateway.dialects.openai.schemas import Prompted
from easel.gateway.errors import Refusal
from easel.gateway.previews import preview_of
from easel.gateway.services import Services
from easel.generations.cancel import cancel
from easel.generations.queries import GenerationView, get_view
from easel.jobs.states import JobState

LOOK_SECONDS: Final = 2.0
HEARTBEAT: Final = ": still here\n\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    services: Services
    asked: Prompted
    views: Sequence[GenerationView]
    kind: str
    """image_generation or image_edit."""
    warnings: list[str]
    failure: Callable[[GenerationView], Refusal]

    async def events(self) -> AsyncIterator[str]:
        try:
            for placed in self.views:
                async for event in self._one(placed):
                    yield event
        except (asyncio.CancelledError, GeneratorExit):
            # The client is gone. What is left runs on a thread of its own, because this task is ending.
            asyncio.get_running_loop().run_in_executor(None, self._cancel_all)
            raise

    async def _one(self, placed: GenerationView) -> AsyncIterator[str]:
        view, shown, seen = placed, 0, None
        wanted = self.asked.partial_images if placed is self.views[0] else 0
        with self.services.hub.subscribe(GENERATIONS, generation=placed.id) as news:
            view = await self._look(view)
            while not view.is_final and not self.services.hub.is_leaving:
                if shown < wanted and view.preview_key not in (None, seen) and _is_due(view, shown, wanted):
                    seen = view.preview_key
                    if picture := await run_in_threadpool(self._preview, view):
                        yield _sse(
                            answers.event(
                                f"{self.kind}.partial_image", self.asked, view, picture, partial_image_index=shown
                            )
                        )
                        shown += 1
                if await news.next(LOOK_SECONDS) is None:
                    yield HEARTBEAT
                view = await self._look(view)
        if view.state is not JobState.DONE:
            yield _sse({"type": "error", **answers.error(self.failure(view))})
            return
        for key in view.artifact_keys:
            picture = await run_in_threadpool(self.services.blobs.get, key)
            usage = answers.usage(self.asked, [view])
            told = answers.told([view], self.warnings)
            yield _sse(answers.event(f"{self.kind}.completed", self.asked, view, picture, usage=usage, easel=told))

    async def _look(self, last: GenerationView) -> GenerationView:
        def look() -> GenerationView:
            try:
                with self.services.database.transaction() as session:
                    return get_view(session, self.services.clock, last.account_id, last.id)
            except DATABASE_IS_DOWN:
                return last

        return await run_in_threadpool(look)

    def _preview(self, view: GenerationView) -> bytes | None:
        return preview_of(self.services.blobs, view, view.request.extras.output_format)

    def _cancel_all(self) -> None:
        for view in self.views:
            with self.services.database.transaction() as session:
                cancel(session, self.services.clock, view.account_id, view.id)


def _is_due(view: GenerationView, shown: int, wanted: int) -> bool:
    """Spread over the run: of two, one after a third and one after two thirds of the steps."""
    return view.steps == 0 or view.step * (wanted + 1) >= view.steps * (shown + 1)


def _sse(said: dict[str, Any]) -> str:
    return f"event: {said['type']}\ndata: {json.dumps(said)}\n\n"
