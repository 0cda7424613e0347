"""The live stream, from a real server: the present first, then what happens, then the end."""

import json
import socket
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn
from house import House
from httpx2 import Client
from outage import outage

from easel.accounts.tables import Account
from easel.cli.gateway import LeavingServer
from easel.gateway.app import create_app
from easel.gateway.services import Services
from easel.generations.live import LOOK_WHILE_QUEUED
from easel.jobs.queue import Progress, note_progress
from easel.kit.clock import SettableClock

Event = tuple[str, str, dict[str, Any]]


@pytest.fixture
def server(services: Services) -> Iterator[tuple[uvicorn.Server, str]]:
    """The server as `easel gateway` runs it, because a stream has to be read while it runs; and its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(create_app(services), log_level="warning", timeout_graceful_shutdown=5)
    server = LeavingServer(config, services.hub)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield server, f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(20)
    listener.close()
    assert not thread.is_alive()


@pytest.fixture
def house(services: Services, clock: SettableClock, server: tuple[uvicorn.Server, str]) -> Iterator[House]:
    with Client(base_url=server[1], follow_redirects=True, timeout=20) as browser:
        yield House(services, clock, browser)


@contextmanager
def listening(house: House, generation: int, **headers: Any) -> Generator[Iterator[Event]]:
    """The events of the stream as they come, heartbeats left out."""
    deadline = time.monotonic() + 10
    while not house.services.hub.listening.is_set():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    with house.browser.stream("GET", f"/generations/{generation}/events", headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield events(answer.iter_lines())


def events(lines: Iterator[str]) -> Iterator[Event]:
    fields: dict[str, str] = {}
    for line in lines:
        if line.startswith(":"):
            continue
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            yield fields["id"], fields["event"], json.loads(fields["data"])
            fields = {}


def test_a_picture_from_queue_to_done(house: House, ada: Account) -> None:
    house.sign_in(ada)
    generation = house.ordered(samples="2", prompt="<b>star</b>")
    with listening(house, generation) as stream:
        first, name, data = next(stream)
        assert (name, data["state"]) == ("output", "queued")
        lease = house.start()
        second, name, data = next(stream)
        assert (name, data["state"]) == ("output", "generating")
        for step in (5, 50):
            house.step(generation, step, 50)
            number, name, data = next(stream)
            assert (name, data["step"], data["steps"]) == ("step", step, 50)
            assert number == second.replace(".0", f".{step}")
        house.finish(lease)
        last, name, data = next(stream)
        assert (name, data["state"]) == ("output", "done")
        assert list(stream) == []
    assert len({first, second, last}) == 3
    assert data["html"].count("<img ") == 2
    assert "&lt;b&gt;star&lt;/b&gt;" in data["html"]
    assert "<b>" not in data["html"]
    assert data["balance"] == "$0.9906"


@pytest.mark.parametrize("said", [b"41", b"x", b"-1", b"9" * 30 + b".0", "²".encode()])
def test_who_comes_late_is_told_the_present(house: House, ada: Account, said: bytes) -> None:
    house.sign_in(ada)
    generation = house.ordered()
    house.fail(house.start(), "It broke.")
    with listening(house, generation, **{"Last-Event-ID": said}) as stream:
        [(_, name, data)] = stream
    assert (name, data["state"]) == ("output", "failed")


def test_a_page_that_is_loaded_again_shows_the_step(house: House, ada: Account) -> None:
    house.sign_in(ada)
    generation = house.ordered()
    lease = house.start()
    with house.services.database.transaction() as session:
        note_progress(session, [Progress(lease=lease, step=7, steps=50)])
    with listening(house, generation) as stream:
        assert next(stream)[2]["state"] == "generating"
        _, name, data = next(stream)
    assert (name, data) == ("step", {"step": 7, "steps": 50})


def test_cancelling_ends_the_stream(house: House, ada: Account) -> None:
    house.sign_in(ada)
    generation, csrf = house.ordered(), house.csrf()
    with listening(house, generation) as stream:
        next(stream)
        house.browser.post(f"/generations/{generation}/cancel", data={"csrf": csrf})
        assert [data["state"] for _, _, data in stream] == ["cancelled"]


def test_the_way_forward_in_the_queue_is_told_without_news(house: House, ada: Account, grace: Account) -> None:
    house.sign_in(grace)
    house.ordered()
    house.sign_in(ada)
    with listening(house, house.ordered()) as stream:
        assert "One request is ahead of you." in next(stream)[2]["html"]
        house.start()
        assert "You are next." in next(stream)[2]["html"]


def test_a_server_that_leaves_lets_go_of_its_streams(
    house: House, ada: Account, server: tuple[uvicorn.Server, str]
) -> None:
    house.sign_in(ada)
    with listening(house, house.ordered()) as stream:
        next(stream)
        left = time.monotonic()
        server[0].should_exit = True
        assert list(stream) == []
        assert time.monotonic() - left < 3


def test_no_connection_is_held_while_waiting(house: House, ada: Account) -> None:
    house.sign_in(ada)
    with listening(house, house.ordered()) as stream:
        next(stream)
        time.sleep(0.2)
        assert "Checked out connections: 0" in house.services.database.engine.pool.status()


def test_a_stream_outlives_a_database_that_starts_anew(house: House, ada: Account, postgres: Any) -> None:
    house.sign_in(ada)
    with listening(house, house.ordered()) as stream:
        next(stream)
        with outage(postgres, house.services.database):
            time.sleep(LOOK_WHILE_QUEUED + 0.5)
        house.finish(house.start())
        assert [data["state"] for _, _, data in stream] == ["done"]


def test_a_number_that_no_generation_can_have_is_unknown(house: House, ada: Account) -> None:
    house.sign_in(ada)
    for number in (2**63, 10**30, -(10**30)):
        assert house.browser.get(f"/generations/{number}/events").status_code == 404
        answer = house.browser.post(f"/generations/{number}/cancel", data={"csrf": house.csrf()})
        assert answer.status_code == 404


def test_a_stranger_gets_no_stream(house: House, ada: Account) -> None:
    house.sign_in(ada)
    generation = house.ordered()
    house.browser.cookies.clear()
    assert house.browser.get(f"/generations/{generation}/events").status_code == 401
