"""The live stream: the present first, then what happens, then the end."""

import json
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from house import House

from easel.accounts.tables import Account

Event = tuple[int, str, dict[str, Any]]


def read(text: str) -> list[Event]:
    """The events of a stream, heartbeats left out."""
    events: list[Event] = []
    for block in text.strip().split("\n\n"):
        if block.startswith(":"):
            continue
        fields = dict(line.split(": ", 1) for line in block.splitlines())
        events.append((int(fields["id"]), fields["event"], json.loads(fields["data"])))
    return events


def states(events: list[Event]) -> list[str]:
    return [data["state"] for _, name, data in events if name == "output"]


@pytest.fixture
def listener(house: House) -> Any:
    """Opens the stream in a thread; answers what came once it has ended."""
    pool = ThreadPoolExecutor(4)

    def listen(generation: int, **headers: str) -> Future[list[Event]]:
        before = threading.active_count()
        future = pool.submit(lambda: read(house.browser.get(f"/generations/{generation}/events", headers=headers).text))
        deadline = time.monotonic() + 5
        while not house.services.hub.listening.is_set() or threading.active_count() <= before:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(0.2)  # the thread is there; let it subscribe
        return future

    yield listen
    pool.shutdown()


def test_a_picture_from_queue_to_done(house: House, ada: Account, listener: Any) -> None:
    house.sign_in(ada)
    generation = house.ordered(samples="2", prompt="<b>star</b>")
    stream = listener(generation)
    lease = house.start()
    for step in (5, 25, 50):
        house.step(generation, step, 50)
    time.sleep(0.2)
    house.finish(lease)
    events = stream.result(10)
    assert states(events) == ["queued", "generating", "done"]
    assert [data["step"] for _, name, data in events if name == "step"] == [5, 25, 50]
    assert [number for number, _, _ in events] == list(range(1, len(events) + 1))
    last = events[-1][2]
    assert last["html"].count("<img ") == 2
    assert "&lt;b&gt;star&lt;/b&gt;" in last["html"]
    assert "<b>" not in last["html"]
    assert last["balance"] == "$0.9906"


def test_who_comes_late_is_told_the_present_and_the_ids_go_on(house: House, ada: Account, listener: Any) -> None:
    house.sign_in(ada)
    generation = house.ordered()
    house.finish(house.start())
    [(number, name, data)] = listener(generation, **{"Last-Event-ID": "41"}).result(10)
    assert (number, name, data["state"]) == (42, "output", "done")


@pytest.mark.parametrize("said", ["x", "-1", "9" * 30, "²"])
def test_a_strange_last_id_is_ignored(house: House, ada: Account, listener: Any, said: str) -> None:
    house.sign_in(ada)
    generation = house.ordered()
    house.fail(house.start(), "It broke.")
    [(number, _, data)] = listener(generation, **{"Last-Event-ID": said.encode()}).result(10)  # pyright: ignore
    assert (number, data["state"]) == (1, "failed")


def test_cancelling_ends_the_stream(house: House, ada: Account, listener: Any) -> None:
    house.sign_in(ada)
    generation, csrf = house.ordered(), house.csrf()
    stream = listener(generation)
    house.browser.post(f"/generations/{generation}/cancel", data={"csrf": csrf}, follow_redirects=False)
    assert states(stream.result(10)) == ["queued", "cancelled"]


def test_news_that_gets_lost_is_found_by_looking(house: House, ada: Account, listener: Any) -> None:
    house.sign_in(ada)
    generation = house.ordered()
    stream = listener(generation)
    # The listening connection is gone; NOTIFY reaches nobody until it is back.
    assert house.browser.portal
    house.browser.portal.call(house.services.hub.stop)
    house.finish(house.start())
    assert states(stream.result(10))[-1] == "done"


def test_no_connection_is_held_while_waiting(house: House, ada: Account, listener: Any) -> None:
    house.sign_in(ada)
    generation = house.ordered()
    streams = [listener(generation) for _ in range(4)]
    assert house.services.database.engine.pool.status().find("Checked out connections: 0") >= 0
    house.finish(house.start())
    assert [states(stream.result(10))[-1] for stream in streams] == ["done"] * 4


def test_a_stranger_gets_no_stream(house: House, ada: Account) -> None:
    house.sign_in(ada)
    generation = house.ordered()
    house.browser.cookies.clear()
    assert house.browser.get(f"/generations/{generation}/events").status_code == 401
