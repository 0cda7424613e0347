"""A request as it happens, for a program that reads server-sent events, loses its connection and comes back."""

import json
import socket
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx2
import pytest
import uvicorn
from outage import outage
from shop import Shop

from easel.accounts.keys import create_key
from easel.accounts.queries import create_account
from easel.cli.gateway import LeavingServer
from easel.gateway.app import create_app
from easel.generations.events import announce
from easel.generations.recover import take_back
from easel.generations.submit import GENERATE
from easel.jobs import queue
from easel.jobs.queue import Lease, Progress, note_progress

Event = tuple[str, str, dict[str, Any]]


@pytest.fixture
def address(shop: Shop) -> Iterator[str]:
    """Where a server that streams is: a test client reads an answer only when it is whole."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = LeavingServer(uvicorn.Config(create_app(shop.services), log_level="warning"), shop.services.hub)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not shop.services.hub.listening.is_set():
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(20)
    listener.close()


@contextmanager
def following(shop: Shop, address: str, number: int, last: str | None = None) -> Generator[Iterator[Event]]:
    headers = {"Authorization": f"Bearer {shop.key}"} | ({"Last-Event-ID": last} if last else {})
    with (
        httpx2.Client(timeout=20) as client,
        client.stream("GET", f"{address}/api/events/{number}", headers=headers) as answer,
    ):
        assert answer.status_code == 200
        yield events(answer.iter_lines())


def events(lines: Iterator[str]) -> Iterator[Event]:
    fields: dict[str, str] = {}
    for line in lines:
        if line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "event" in fields:
            yield fields["id"], fields["event"], json.loads(fields["data"])
            fields = {}


def start(shop: Shop, worker: str = "hand") -> Lease:
    with shop.services.database.transaction() as session:
        [job] = queue.claim(
            session, shop.clock, worker, kind=GENERATE, resident=[], limit=1, idle=True, lease=timedelta(minutes=1)
        )
        announce(session, job.subject_id, "started")
    return Lease(job.id, worker, job.attempts)


def step(shop: Shop, number: int, lease: Lease, done: int, preview: str | None = None) -> None:
    with shop.services.database.transaction() as session:
        note_progress(session, [Progress(lease=lease, step=done, steps=20, preview_key=preview)])
        announce(session, number, "step", step=done, steps=20)
        if preview:
            announce(session, number, "preview", step=done, steps=20, key=preview)


def test_from_the_queue_to_the_pictures(shop: Shop, address: str) -> None:
    number = shop.submit().json()["id"]
    with following(shop, address, number) as stream:
        place, name, said = next(stream)
        assert (name, said["position"], said["id"]) == ("queued", 0, number)
        lease = start(shop)
        started, name, said = next(stream)
        assert (name, said["attempt"]) == ("started", 1)
        assert started != place
        step(shop, number, lease, 5, preview="temp/preview.png")
        assert [(name, said["step"]) for _, name, said in (next(stream), next(stream))] == [("step", 5), ("preview", 5)]
        with shop.services.database.transaction() as session:
            queue.requeue(session, shop.clock, queue.lock(session, lease.job_id), suspect=False)
            announce(session, number, "queued")
        assert next(stream)[1] == "queued"
        shop.draw()
        last = list(stream)
    assert [name for _, name, _ in last] in (["done"], ["started", "done"])
    said = last[-1][2]
    assert said["output"] == [link.replace("http://easel.test", address) for link in said["output"]]
    assert said["cost"] == 0.0047


def test_a_preview_can_be_read(shop: Shop, address: str) -> None:
    number = shop.submit().json()["id"]
    shop.services.blobs.put("temp/preview.png", b"\x89PNG")
    with following(shop, address, number) as stream:
        next(stream)
        step(shop, number, start(shop), 3, preview="temp/preview.png")
        url = next(said["url"] for _, name, said in stream if name == "preview")
        assert httpx2.get(url).content == b"\x89PNG"


def test_who_comes_back_is_told_what_is_new_and_nothing_twice(shop: Shop, address: str) -> None:
    number = shop.submit().json()["id"]
    lease = start(shop, "first")
    step(shop, number, lease, 5)
    with following(shop, address, number) as stream:
        assert [next(stream)[1], next(stream)[1]] == ["started", "step"]
    with following(shop, address, number) as stream:
        started, _, _ = next(stream)
    # Meanwhile: a step after the last one seen, then a lost worker, then the end.
    with following(shop, address, number, last=started) as stream:
        at_five, name, said = next(stream)
        assert (name, said["step"]) == ("step", 5)
    step(shop, number, lease, 9)
    with following(shop, address, number, last=at_five) as stream:
        place, name, said = next(stream)
        assert (name, said["step"]) == ("step", 9)
    with shop.services.database.transaction() as session:
        take_back(session, shop.clock, "first")
    start(shop, "second")
    with following(shop, address, number, last=place) as stream:
        _, name, said = next(stream)
        assert (name, said["attempt"]) == ("started", 2)


def test_after_the_last_event_there_is_nothing_more(shop: Shop, address: str) -> None:
    number = shop.submit().json()["id"]
    shop.draw(error="It broke.")
    with following(shop, address, number) as stream:
        [(place, name, said)] = stream
    assert (name, said["message"]) == ("failed", "It broke.")
    headers = {"X-API-Key": shop.key, "Last-Event-ID": place}
    assert httpx2.get(f"{address}/api/events/{number}", headers=headers).status_code == 204


def test_a_stream_outlives_the_database_and_one_that_cannot_begin_says_come_again(
    shop: Shop, address: str, postgres: Any
) -> None:
    number = shop.submit().json()["id"]
    with following(shop, address, number) as stream:
        assert next(stream)[1] == "queued"
        with outage(postgres, shop.services.database):
            answer = httpx2.get(f"{address}/api/events/{number}", headers={"X-API-Key": shop.key}, timeout=20)
            assert (answer.status_code, answer.text) == (200, "retry: 2000\n\n")
        shop.cancel(number)
        assert [name for _, name, _ in stream] == ["cancelled"]


def test_somebody_elses_request_is_unknown(shop: Shop, address: str) -> None:
    number = shop.submit().json()["id"]
    with shop.services.database.transaction() as session:
        _, key = create_key(session, shop.clock, create_account(session, shop.clock, "Eve").id, "hers")
    for asked in (number, 2**63, -1):
        assert httpx2.get(f"{address}/api/events/{asked}", headers={"X-API-Key": key}).status_code == 404
    assert httpx2.get(f"{address}/api/events/{number}").status_code == 401
