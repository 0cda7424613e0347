"""A generation as it happens, for whoever watches: one stream of news, whatever it is written as afterwards.

Each piece of news has a place: the number of the job's last move and the step of that attempt. A watcher that comes
back names the last place that it has seen and is told what is new since then; what lies between two moves is no news
once the second one has happened, so nothing that matters is missed and nothing is kept for it but the rows themselves.

No session is held while waiting, and a database that is away for a while ends no stream.
"""

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, Self, TypeAlias

from anyio.to_thread import run_sync

from easel.db.listener import Message, NotificationHub, Subscription
from easel.db.notify import GENERATIONS
from easel.db.session import DATABASE_IS_DOWN
from easel.generations.queries import GenerationView
from easel.jobs.states import JobState

LOOK_WHILE_QUEUED: Final = 2.0
"""Seconds between looks at the queue: another request's end moves ours forward without a word to us."""
LOOK_WHILE_DRAWN: Final = 10.0
"""Also the longest silence: a proxy cuts a stream that says nothing."""

Name: TypeAlias = Literal["queued", "started", "step", "preview", "done", "failed", "cancelled"]

NAMES: Final[dict[JobState, Name]] = {
    JobState.QUEUED: "queued",
    JobState.RUNNING: "started",
    JobState.DONE: "done",
    JobState.FAILED: "failed",
    JobState.CANCELLED: "cancelled",
}


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """How far a watcher has come: the job's move, and the step since then."""

    move: int = 0
    step: int = 0

    @classmethod
    def read(cls, said: str) -> Self:
        """What `str` wrote; the beginning for anything else, for a stranger may have written it."""
        move, _, step = said.partition(".")
        numbers = [int(part) for part in (move, step) if part.isascii() and part.isdigit() and len(part) < 19]
        return cls(*numbers) if len(numbers) == 2 else cls()

    def __str__(self) -> str:
        return f"{self.move}.{self.step}"


@dataclass(frozen=True, slots=True)
class News:
    place: Place
    name: Name
    view: GenerationView
    step: int = 0
    steps: int = 0
    preview_key: str | None = None


async def follow(
    hub: NotificationHub, generation_id: int, look: Callable[[], GenerationView], seen: Place | None = None
) -> AsyncGenerator[News | None]:
    """The news of a generation until its end, and None where there was none for long.

    The present comes first, unless `seen` says that the watcher knows it. `look` reads the rows, on a thread. Ends as
    well when the process is about to: the watcher comes back to the next one.
    """
    place, position, preview = seen or Place(), None, None
    with hub.subscribe(GENERATIONS, generation=generation_id) as messages:
        while not hub.is_leaving:
            try:
                view = await run_sync(look)
            except DATABASE_IS_DOWN:
                yield None
                await messages.next(LOOK_WHILE_QUEUED)
                continue
            moved = view.move > place.move
            if moved or (view.state is JobState.QUEUED and view.queue_position != position):
                place, position, preview = Place(view.move), view.queue_position, None
                yield News(place, NAMES[view.state], view)
            if view.is_final:
                return
            async for news in _steps(messages, view):
                if news is None:
                    yield None
                elif news.place > place or (news.preview_key and news.preview_key != preview):
                    place, preview = max(place, news.place), news.preview_key or preview
                    yield news


async def _steps(messages: Subscription, view: GenerationView) -> AsyncGenerator[News | None]:
    """Where the job is, and what happens without a move; over when one may have happened, or nothing came for long."""
    if view.state is JobState.RUNNING:
        here = Place(view.move, view.step)
        yield News(here, "step", view, view.step, view.steps)
        if view.preview_key:
            yield News(here, "preview", view, view.step, view.steps, view.preview_key)
    patience = LOOK_WHILE_QUEUED if view.state is JobState.QUEUED else LOOK_WHILE_DRAWN
    while message := await messages.next(patience):
        if message.get("event") not in ("step", "preview"):
            return
        yield _heard(message, view)
    yield None


def _heard(message: Message, view: GenerationView) -> News:
    numbers: dict[str, Any] = {name: message.get(name, 0) for name in ("step", "steps")}
    key = message.get("key")
    return News(Place(view.move, numbers["step"]), "preview" if key else "step", view, **numbers, preview_key=key)
