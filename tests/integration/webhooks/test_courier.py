"""Delivery in a thread of a longer-lived process."""

import time
from collections.abc import Callable

from receiver import Receiver

from easel.accounts.queries import create_account
from easel.db.session import Database
from easel.kit.clock import SystemClock
from easel.kit.fetch import Fetcher
from easel.webhooks.courier import courier
from easel.webhooks.outbox import enqueue


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 15
    while not true():
        assert time.monotonic() < deadline, "it did not happen within 15 seconds"
        time.sleep(0.02)


def write(database: Database, url: str) -> None:
    clock = SystemClock()
    with database.transaction() as session:
        enqueue(session, clock, create_account(session, clock, f"for {time.monotonic_ns()} ").id, url, {})


def test_what_is_written_while_it_runs_is_sent_and_afterwards_not(database: Database, receiver: Receiver) -> None:
    with courier(database, SystemClock(), Fetcher(allow_private=True), "secret", poll_seconds=0.02):
        for number in range(1, 4):
            write(database, receiver.url)
            until(lambda number=number: len(receiver.received) == number)
    write(database, receiver.url)
    time.sleep(0.2)
    assert len(receiver.received) == 3


def test_two_side_by_side_send_each_event_once(database: Database, receiver: Receiver) -> None:
    for _ in range(30):
        write(database, receiver.url)
    fetcher = Fetcher(allow_private=True)
    with (
        courier(database, SystemClock(), fetcher, "secret", poll_seconds=0.02),
        courier(database, SystemClock(), fetcher, "secret", poll_seconds=0.02),
    ):
        until(lambda: len(receiver.received) >= 30)
    assert len({request.headers["webhook-id"] for request in receiver.received}) == len(receiver.received) == 30


def test_it_outlives_a_database_that_is_away(database: Database, receiver: Receiver) -> None:
    nowhere = Database("postgresql://postgres:@/nowhere?host=/nonexistent")
    with courier(nowhere, SystemClock(), Fetcher(), "secret", poll_seconds=0.02):
        time.sleep(0.2)
    nowhere.close()
    assert receiver.received == []
