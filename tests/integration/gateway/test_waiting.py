"""Waiting takes no connection, no thread and no luck."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from outage import outage
from shop import Shop

from easel.db.listener import NotificationHub
from easel.db.session import Database
from easel.gateway.services import Services
from easel.gateway.waiting import LOOK_ANYWAY_SECONDS, wait_until_finished
from easel.generations.queries import GenerationView, get_view
from easel.jobs.states import JobState

WAITERS = 100
AN_HOUR = 3600.0
"""A wait that a test does not outlast: it must end with what is waited for."""


@pytest.fixture
def narrow(shop: Shop) -> Iterator[Services]:
    """Services with two connections to the database, and a hub of their own."""
    database = Database(shop.services.database.url, pool_size=2)
    yield replace(shop.services, database=database, hub=NotificationHub(database.url), wait_seconds=10.0)
    database.close()


def placed(shop: Shop) -> GenerationView:
    """An order that nobody draws."""
    generation_id = shop.submit().json()["id"]
    with shop.services.database.transaction() as session:
        return get_view(session, shop.clock, shop.account_id, generation_id)


def test_many_wait_on_few_connections(shop: Shop, narrow: Services) -> None:
    view = placed(shop)

    async def wait() -> list[GenerationView]:
        await narrow.hub.start()
        await asyncio.wait_for(narrow.hub.listening.wait(), 5)
        waiters = [asyncio.create_task(wait_until_finished(narrow, view, AN_HOUR)) for _ in range(WAITERS)]
        pool: Any = narrow.database.engine.pool
        await asyncio.sleep(1)
        for _ in range(100):  # each of them has looked once, two at a time
            if not pool.checkedout():
                break
            await asyncio.sleep(0.1)
        assert pool.checkedout() == 0
        await asyncio.to_thread(shop.draw)
        views = await asyncio.gather(*waiters)
        await narrow.hub.stop()
        return views

    assert all(view.is_final for view in asyncio.run(wait()))


def test_a_picture_that_is_there_is_not_waited_for(shop: Shop, narrow: Services) -> None:
    view = placed(shop)
    shop.draw()
    assert asyncio.run(wait_until_finished(narrow, view, AN_HOUR)).is_final


def test_nobody_is_kept_waiting_by_a_process_that_ends(shop: Shop, narrow: Services) -> None:
    view = placed(shop)

    async def wait_and_leave() -> GenerationView:
        waiter = asyncio.create_task(wait_until_finished(narrow, view))
        await asyncio.sleep(0.3)
        narrow.hub.let_go()
        return await asyncio.wait_for(waiter, 1.5)

    assert not asyncio.run(wait_and_leave()).is_final


def test_the_wait_has_an_end(shop: Shop, narrow: Services) -> None:
    view = placed(shop)
    impatient = replace(narrow, wait_seconds=0.3)
    started = time.monotonic()
    assert not asyncio.run(wait_until_finished(impatient, view)).is_final
    assert 0.3 <= time.monotonic() - started < 2


def test_an_order_whose_database_cannot_be_asked_is_answered_as_it_was_placed(shop: Shop, narrow: Services) -> None:
    view = placed(shop)
    nowhere = Database("postgresql://nobody@127.0.0.1:1/nothing")
    assert asyncio.run(wait_until_finished(replace(narrow, database=nowhere, wait_seconds=0.3), view)) == view


def test_a_wait_outlives_a_database_that_starts_anew(shop: Shop, narrow: Services, postgres: Any) -> None:
    view = placed(shop)

    async def wait_through_an_outage() -> GenerationView:
        waiter = asyncio.create_task(wait_until_finished(narrow, view))
        await asyncio.sleep(0.2)
        with outage(postgres, shop.services.database):
            await asyncio.sleep(LOOK_ANYWAY_SECONDS + 0.5)
        await asyncio.to_thread(shop.draw)
        return await waiter

    assert asyncio.run(wait_through_an_outage()).state is JobState.DONE
