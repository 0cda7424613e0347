"""The hub against a real database: what is committed is heard, what is rolled back is not, a cut connection heals."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from outage import outage
from sqlalchemy import text

from easel.db.listener import QUEUE_LENGTH, NotificationHub, Subscription
from easel.db.notify import GENERATIONS, JOBS, notify
from easel.db.session import Database

SOON = 5.0
NEVER = 0.2


@asynccontextmanager
async def listening(database: Database) -> AsyncGenerator[NotificationHub]:
    hub = NotificationHub(database.url, (GENERATIONS, JOBS))
    await hub.start()
    await asyncio.wait_for(hub.listening.wait(), SOON)
    yield hub
    await hub.stop()


def say(database: Database, generation: int, channel: str = GENERATIONS) -> None:
    with database.transaction() as session:
        notify(session, channel, generation=generation, event="done")


def say_and_fail(database: Database) -> None:
    with database.transaction() as session:
        notify(session, GENERATIONS, generation=1)
        raise ZeroDivisionError


def test_every_subscriber_hears_what_is_committed(database: Database) -> None:
    async def hear() -> None:
        async with listening(database) as hub:
            with hub.subscribe(GENERATIONS) as one, hub.subscribe(GENERATIONS) as other:
                say(database, 7)
                assert await one.next(SOON) == await other.next(SOON) == {"generation": 7, "event": "done"}

    asyncio.run(hear())


def test_what_is_rolled_back_is_never_heard(database: Database) -> None:
    async def hear() -> None:
        async with listening(database) as hub:
            with hub.subscribe(GENERATIONS) as messages:
                with pytest.raises(ZeroDivisionError):
                    say_and_fail(database)
                assert await messages.next(NEVER) is None

    asyncio.run(hear())


def test_a_subscriber_hears_its_own_channel_and_generation_only(database: Database) -> None:
    async def hear() -> None:
        async with listening(database) as hub:
            with hub.subscribe(GENERATIONS, generation=2) as messages:
                say(database, 1)
                say(database, 2, JOBS)
                say(database, 2)
                assert await messages.next(SOON) == {"generation": 2, "event": "done"}
                assert await messages.next(NEVER) is None

    asyncio.run(hear())


def test_a_message_without_a_payload_is_an_empty_one(database: Database) -> None:
    async def hear() -> None:
        async with listening(database) as hub:
            with hub.subscribe(JOBS) as messages:
                with database.transaction() as session:
                    notify(session, JOBS)
                assert await messages.next(SOON) == {}

    asyncio.run(hear())


def test_the_hub_listens_again_after_its_connection_is_cut(database: Database) -> None:
    async def hear() -> None:
        async with listening(database) as hub:
            with hub.subscribe(GENERATIONS) as messages:
                with database.transaction() as session:
                    session.execute(
                        text(
                            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                            " AND pid != pg_backend_pid() AND query LIKE 'LISTEN%'"
                        )
                    )
                while hub.listening.is_set():
                    await asyncio.sleep(0.01)
                await asyncio.wait_for(hub.listening.wait(), SOON)
                say(database, 3)
                assert await messages.next(SOON) == {"generation": 3, "event": "done"}

    asyncio.run(hear())


def test_the_hub_starts_without_a_database() -> None:
    async def start_and_stop() -> None:
        hub = NotificationHub("postgresql://nobody@127.0.0.1:1/nothing")
        await hub.start()
        await asyncio.sleep(NEVER)
        assert not hub.listening.is_set()
        await hub.stop()

    asyncio.run(start_and_stop())


def test_a_slow_reader_loses_its_oldest_messages() -> None:
    async def read() -> None:
        subscription = Subscription(GENERATIONS, {})
        for number in range(QUEUE_LENGTH + 5):
            subscription.offer(GENERATIONS, {"generation": number})
        assert await anext(subscription) == {"generation": 5}

    asyncio.run(read())


def test_a_closed_subscription_hears_nothing_more() -> None:
    async def read() -> None:
        with Subscription(GENERATIONS, {}) as subscription:
            pass
        subscription.offer(GENERATIONS, {"generation": 1})
        assert await subscription.next(0.01) is None

    asyncio.run(read())


def test_what_is_said_after_the_database_has_started_anew_is_heard(database: Database, postgres: Any) -> None:
    """The connection that messages go out by was cut meanwhile; nobody has used it since."""

    async def hear() -> None:
        async with listening(database) as hub:
            with hub.subscribe(GENERATIONS) as messages:
                say(database, 1)
                assert (await messages.next(SOON) or {})["generation"] == 1
                with outage(postgres, database):
                    pass
                await asyncio.wait_for(hub.listening.wait(), SOON)
                while (await messages.next(NEVER) or {}).get("generation") != 2:
                    say(database, 2)

    asyncio.run(hear())


def test_all_is_said_before_a_database_is_closed(database: Database) -> None:
    async def hear() -> None:
        async with listening(database) as hub:
            with hub.subscribe(GENERATIONS) as messages:
                other = Database(database.url)
                for generation in range(50):
                    say(other, generation)
                other.close()
                assert [(await messages.next(SOON) or {})["generation"] for _ in range(50)] == list(range(50))

    asyncio.run(hear())
