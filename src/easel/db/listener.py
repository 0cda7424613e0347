"""LISTEN: what committed transactions announce (db/notify), handed to whoever waits in this process.

A message may be lost: the database restarts, or a reader is slower than its queue is long. So a message is a reason to
look at the row, never the news itself, and whoever waits looks from time to time anyway.
"""

import asyncio
import contextlib
import json
from types import TracebackType
from typing import Any, Final, Self, TypeAlias
from weakref import WeakSet

import psycopg
import structlog
from psycopg import sql

from easel.db.notify import CHECKS, GENERATIONS

Message: TypeAlias = dict[str, Any]

QUEUE_LENGTH: Final = 256
"""How far a reader may fall behind before it loses its oldest messages."""

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0

log = structlog.get_logger()


class Subscription:
    """The messages of a channel from the moment of its making: iterate over it, or ask for the next one.

    Close it, use it in a `with`, or just let go of it: the hub does not keep it alive.
    """

    def __init__(self, channel: str, wanted: Message) -> None:
        self._channel = channel
        self._wanted = wanted.items()
        self._messages: asyncio.Queue[Message] = asyncio.Queue(QUEUE_LENGTH)
        self._closed = False

    def offer(self, channel: str, message: Message) -> None:
        if self._closed or channel != self._channel or not self._wanted <= message.items():
            return
        if self._messages.full():
            self._messages.get_nowait()
        self._messages.put_nowait(message)

    def wake(self) -> None:
        """An empty message, so that a reader looks up."""
        if not self._messages.full():
            self._messages.put_nowait({})

    async def next(self, timeout: float) -> Message | None:
        """The next message, or None when `timeout` seconds pass without one."""
        try:
            return await asyncio.wait_for(self._messages.get(), timeout)
        except TimeoutError:
            return None

    def close(self) -> None:
        self._closed = True

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        return await self._messages.get()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class NotificationHub:
    """One connection that listens for everybody in this process. Lives on one event loop."""

    def __init__(self, url: str, channels: tuple[str, ...] = (GENERATIONS, CHECKS)) -> None:
        self._url = url
        self._channels = channels
        self._subscriptions: WeakSet[Subscription] = WeakSet()
        self._task: asyncio.Task[None] | None = None
        self.listening = asyncio.Event()
        self.is_leaving = False
        """The process is about to end: whoever waits should answer with what is known."""

    async def start(self) -> None:
        """Returns at once; `listening` is set while the connection stands."""
        self._task = asyncio.create_task(self._listen_for_ever())

    async def stop(self) -> None:
        if self._task:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    def let_go(self) -> None:
        """Wake everybody who waits, because the process is about to end. To be called on the hub's event loop."""
        self.is_leaving = True
        for subscription in list(self._subscriptions):
            subscription.wake()

    def subscribe(self, channel: str, **wanted: Any) -> Subscription:
        """Messages of `channel` that carry all of `wanted`, such as `generation=7`."""
        subscription = Subscription(channel, wanted)
        self._subscriptions.add(subscription)
        return subscription

    async def _listen_for_ever(self) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                await self._listen()
            except psycopg.Error as error:
                if self.listening.is_set():
                    pause = FIRST_PAUSE
                log.warning("notifications interrupted", error=type(error).__name__, retry_in=pause)
            finally:
                self.listening.clear()
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _listen(self) -> None:
        async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as connection:
            for channel in self._channels:
                await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
            self.listening.set()
            async for notification in connection.notifies():
                self._dispatch(notification.channel, json.loads(notification.payload or "{}"))

    def _dispatch(self, channel: str, message: Message) -> None:
        for subscription in list(self._subscriptions):
            subscription.offer(channel, message)
