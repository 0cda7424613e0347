"""Decodes in turn and beside: who leaves when, and what becomes of those nobody waits for any longer."""

import threading

import numpy as np
import pytest

from easel.engine.decoding import Decoded, Decoding
from easel.engine.engine import Engine
from easel.engine.events import Failed, Finished, Preview, Progress
from easel.engine.failures import DeviceLost
from easel.engine.fake import FakeRunner

PICTURE = np.zeros((8, 8, 3), dtype=np.uint8)


@pytest.fixture
def gate():
    """A decode that begins at once and ends when the gate is opened."""
    gate = threading.Event()
    yield gate
    gate.set()


def held_back(gate: threading.Event, runner: FakeRunner) -> FakeRunner:
    class HeldBack(FakeRunner):
        def decode(self, picture):
            decode = super().decode(picture)

            def wait_and_decode() -> Decoded:
                gate.wait()
                return decode()

            return wait_and_decode

    return HeldBack(**{name: getattr(runner, name) for name in ("decodes_beside", "most_rows")})


@pytest.mark.parametrize("beside", [False, True])
def test_every_picture_finishes_however_it_is_decoded(make_picture, drain, beside: bool) -> None:
    engine = Engine(FakeRunner(decodes_beside=beside), deterministic=False)
    for number in range(5):
        engine.add(make_picture(str(number), seed=number))
    ended = drain(engine)
    assert {id for id, end in ended.items() if isinstance(end, Finished)} == set("01234")


@pytest.mark.parametrize("beside", [False, True])
def test_a_decode_that_fails_ends_its_own_picture(make_picture, drain, beside: bool) -> None:
    engine = Engine(FakeRunner(decodes_beside=beside), deterministic=False)
    engine.add(make_picture("bad", prompt="undecodable"))
    engine.add(make_picture("good"))
    ended = drain(engine)
    assert isinstance(ended["good"], Finished)
    assert isinstance(ended["bad"], Failed)
    assert "not-a-number" in ended["bad"].error


def test_others_go_on_while_a_picture_is_decoded_beside_them(make_picture, gate) -> None:
    runner = held_back(gate, FakeRunner(decodes_beside=True))
    engine = Engine(runner)
    engine.add(make_picture("short", steps=1))
    engine.add(make_picture("long", steps=20))
    while len(runner.calls) < 21:
        assert not any(isinstance(event, Finished) for event in engine.step())
    assert not engine.is_idle
    assert runner.held == 0
    gate.set()
    finished: list[str] = []
    while not engine.is_idle:
        finished += [event.id for event in engine.step() if isinstance(event, Finished)]
    assert finished == ["short", "long"]


def test_what_is_cancelled_while_it_is_decoded_is_gone_without_a_word(make_picture, drain, gate) -> None:
    runner = held_back(gate, FakeRunner(decodes_beside=True))
    engine = Engine(runner)
    engine.add(make_picture("a", steps=1))
    engine.step()
    with pytest.raises(ValueError, match="in flight"):
        engine.add(make_picture("a"))
    engine.cancel("a")
    assert engine.is_idle
    engine.add(make_picture("a", steps=1, seed=2))
    gate.set()
    again = drain(engine)["a"]
    alone = Engine(FakeRunner())
    alone.add(make_picture("a", steps=1, seed=2))
    assert np.array_equal(again.image, drain(alone)["a"].image)


def test_in_turn_one_picture_leaves_a_tick(make_picture) -> None:
    engine = Engine(FakeRunner(), deterministic=False)
    for number in range(3):
        engine.add(make_picture(str(number), steps=1))
    left = [sum(isinstance(event, Finished) for event in engine.step()) for _ in range(4)]
    assert left == [1, 1, 1, 0]


def test_a_decode_may_be_dropped_before_it_begins(gate) -> None:
    decoding = Decoding(beside=True)

    def wait() -> Decoded:
        gate.wait()
        return Decoded(PICTURE)

    begun: list[str] = []
    decoding.add(named("first"), wait)
    decoding.add(named("second"), lambda: begun.append("second") or Decoded(PICTURE))
    decoding.drop("second")
    gate.set()
    assert [picture.id for picture, _ in decoding.take(5)] == ["first"]
    assert begun == []
    assert len(decoding) == 0


def named(id: str):
    class Named:
        pass

    picture = Named()
    picture.id = id
    return picture


def test_previews_come_every_so_many_steps_and_not_at_the_end(make_picture) -> None:
    engine = Engine(FakeRunner())
    engine.add(make_picture(steps=7, preview_every=2))
    seen: list[tuple[str, int]] = []
    while not engine.is_idle:
        seen += [(type(event).__name__, event.step) for event in engine.step() if isinstance(event, Progress | Preview)]
    assert [step for kind, step in seen if kind == "Preview"] == [2, 4, 6]
    assert seen.index(("Preview", 4)) == seen.index(("Progress", 4)) + 1


def test_want_of_a_preview_costs_no_picture(make_picture, drain) -> None:
    class Blind(FakeRunner):
        def preview(self, picture):
            raise RuntimeError("no preview today")

    engine = Engine(Blind())
    engine.add(make_picture(preview_every=1))
    assert isinstance(drain(engine)["a"], Finished)


class TestMemory:
    def test_that_is_short_halves_the_call_until_it_fits_and_is_remembered(self, make_picture, drain) -> None:
        runner = FakeRunner(most_rows=4)
        engine = Engine(runner, max_rows=16, deterministic=False)
        for number in range(8):
            engine.add(make_picture(str(number), steps=3))
        ended = drain(engine)
        assert all(isinstance(end, Finished) for end in ended.values())
        assert {len(ids) for ids in runner.calls} == {2}
        assert len(runner.calls) == 12

    def test_that_is_short_for_one_alone_refuses_it_with_the_bytes(self, make_picture, drain) -> None:
        engine = Engine(FakeRunner(most_rows=1), max_rows=8, deterministic=False)
        engine.add(make_picture("guided", guidance=5.0))
        engine.add(make_picture("unguided", guidance=1.0))
        ended = drain(engine)
        assert isinstance(ended["unguided"], Finished)
        assert "needs 2,048 MiB of memory more than this machine has free" in ended["guided"].error

    def test_that_comes_back_is_used_again(self, make_picture, drain) -> None:
        runner = FakeRunner(most_rows=2)
        engine = Engine(runner, max_rows=8, deterministic=False)
        for number in range(2):
            engine.add(make_picture(str(number), steps=150))
        for _ in range(10):
            engine.step()
        runner.most_rows = None
        drain(engine)
        assert ("0", "1") in runner.calls


def test_a_lost_device_ends_the_engine_not_the_pictures(make_picture) -> None:
    class Lost(FakeRunner):
        def denoise(self, batch):
            raise DeviceLost("an illegal memory access was encountered")

    engine = Engine(Lost(), deterministic=False)
    engine.add(make_picture("a"))
    engine.add(make_picture("b"))
    with pytest.raises(DeviceLost):
        engine.step()


def test_a_picture_from_a_picture_reports_the_steps_it_takes(make_picture) -> None:
    engine = Engine(FakeRunner())
    engine.add(make_picture(steps=10, strength=0.4, init=np.zeros((64, 64, 3), dtype=np.uint8)))
    seen: list[tuple[int, int]] = []
    while not engine.is_idle:
        seen += [(event.step, event.steps) for event in engine.step() if isinstance(event, Progress)]
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
