"""Waiting takes no connection, no thread and no luck."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from shop import Shop

from easel.db.listener import NotificationHub
from easel.db.session import Database
from easel.gateway.services import Services
from easel.gateway.waiting import wait_until_finished
from easel.generations.queries import GenerationView

WAITERS = 100


@pytest.fixture
def narrow(shop: Shop) -> Iterator[Services]:
    """Services with two connections to the database, and a hub of their own."""
    database = Database(shop.services.database.url, pool_size=1)
    yield replace(shop.services, database=database, hub=NotificationHub(database.url), wait_seconds=10.0)
    database.close()


def test_many_wait_on_few_connections(shop: Shop, narrow: Services) -> None:
    generation_id = shop.submit().json()["id"]

    async def wait() -> list[GenerationView]:
        await narrow.hub.start()
        await asyncio.wait_for(narrow.hub.listening.wait(), 5)
        waiters = [
            asyncio.create_task(wait_until_finished(narrow, shop.account_id, generation_id)) for _ in range(WAITERS)
        ]
        await asyncio.sleep(1)
        assert narrow.database.engine.pool.checkedout() == 0  # pyright: ignore[reportAttributeAccessIssue]
        await asyncio.to_thread(shop.draw)
        views = await asyncio.gather(*waiters)
        await narrow.hub.stop()
        return views

    assert all(view.is_final for view in asyncio.run(wait()))


def test_a_picture_that_is_there_is_not_waited_for(shop: Shop, narrow: Services) -> None:
    generation_id = shop.submit().json()["id"]
    shop.draw()
    started = time.monotonic()
    assert asyncio.run(wait_until_finished(narrow, shop.account_id, generation_id)).is_final
    assert time.monotonic() - started < 2


def test_nobody_is_kept_waiting_by_a_process_that_ends(shop: Shop, narrow: Services) -> None:
    generation_id = shop.submit().json()["id"]

    async def wait_and_leave() -> GenerationView:
        waiter = asyncio.create_task(wait_until_finished(narrow, shop.account_id, generation_id))
        await asyncio.sleep(0.3)
        narrow.hub.let_go()
        return await asyncio.wait_for(waiter, 1.5)

    assert not asyncio.run(wait_and_leave()).is_final


def test_the_wait_has_an_end(shop: Shop, narrow: Services) -> None:
    generation_id = shop.submit().json()["id"]
    impatient = replace(narrow, wait_seconds=0.3)
    started = time.monotonic()
    assert not asyncio.run(wait_until_finished(impatient, shop.account_id, generation_id)).is_final
    assert 0.3 <= time.monotonic() - started < 2
