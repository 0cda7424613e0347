"""The engine over a runner without weights: who shares a call, who takes turns, and whose failure it is."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from easel.domain.errors import InvalidRequest
from easel.domain.sampling import Sampler
from easel.engine.engine import Engine
from easel.engine.events import Failed, Finished, Progress
from easel.engine.fake import LONGEST_PROMPT, FakeRunner
from easel.engine.request import Alteration, Checkpoint


def batching(runner: FakeRunner, max_rows: int = 8) -> Engine:
    return Engine(runner, max_rows=max_rows, deterministic=False)


def test_a_picture_reports_every_step_and_then_itself(make_picture):
    engine = Engine(FakeRunner())
    engine.add(make_picture("a", steps=3))
    events = [event for _ in range(3) for event in engine.step()]
    assert events[:3] == [Progress("a", 1, 3), Progress("a", 2, 3), Progress("a", 3, 3)]
    finished = events[3]
    assert isinstance(finished, Finished)
    assert finished.image.shape == (64, 64, 3)
    assert finished.image.dtype == np.uint8
    assert engine.is_idle
    assert engine.step() == []


@pytest.mark.parametrize("sampler", [Sampler.HEUN, Sampler.PNDM, Sampler.DPMPP_2S, Sampler.DDIM])
def test_progress_counts_the_steps_asked_for_not_the_calls_made(make_picture, sampler: Sampler):
    runner = FakeRunner()
    engine = Engine(runner)
    engine.add(make_picture(steps=5, sampler=sampler))
    seen: list[int] = []
    while not engine.is_idle:
        seen += [event.step for event in engine.step() if isinstance(event, Progress)]
    assert seen == [1, 2, 3, 4, 5]
    assert len(runner.calls) == {Sampler.HEUN: 9, Sampler.PNDM: 6}.get(sampler, 5)


def test_two_requests_in_flight_share_network_calls(make_picture, drain):
    runner = FakeRunner()
    engine = batching(runner)
    engine.add(make_picture("a", steps=10, sampler=Sampler.DDIM, guidance=7.5))
    engine.step()
    engine.step()
    engine.add(make_picture("b", steps=10, sampler=Sampler.DPMPP_2M, guidance=1.0, prompt="another"))
    drain(engine)
    assert len(runner.calls) == 12
    assert runner.calls.count(("a", "b")) + runner.calls.count(("b", "a")) == 8


def test_deterministic_pictures_share_no_call_but_take_turns(make_picture, drain):
    runner = FakeRunner()
    engine = Engine(runner, deterministic=True)
    for id in "ab":
        engine.add(make_picture(id, steps=3))
    drain(engine)
    assert list(runner.calls) == [("a",), ("b",), ("a",), ("b",), ("a",), ("b",)]


@pytest.mark.parametrize("deterministic", [True, False])
def test_a_picture_depends_on_its_request_alone(make_picture, drain, deterministic: bool):
    alone = Engine(FakeRunner())
    alone.add(make_picture("a", seed=5))
    expected = drain(alone)["a"].image
    crowd = Engine(FakeRunner(), deterministic=deterministic)
    for seed in range(8):
        crowd.add(make_picture(f"p{seed}", seed=seed))
    pictures = drain(crowd)
    assert np.array_equal(pictures["p5"].image, expected)
    assert not np.array_equal(pictures["p6"].image, expected)


@pytest.mark.parametrize("word", ["unpreparable", "undenoisable", "undecodable"])
@pytest.mark.parametrize("deterministic", [True, False])
def test_a_failure_ends_its_own_picture_and_no_other(make_picture, drain, word: str, deterministic: bool):
    runner = FakeRunner()
    engine = Engine(runner, deterministic=deterministic)
    for id, prompt in (("a", "fine"), ("b", word), ("c", "fine as well")):
        engine.add(make_picture(id, prompt=prompt))
    ended = drain(engine)
    assert isinstance(ended["a"], Finished)
    assert isinstance(ended["c"], Finished)
    failed = ended["b"]
    assert isinstance(failed, Failed)
    assert failed.error.endswith(".")
    assert runner.held == 0


def test_a_cancelled_picture_is_gone_without_a_word(make_picture, drain):
    runner = FakeRunner()
    engine = batching(runner)
    engine.add(make_picture("a"))
    engine.add(make_picture("b"))
    engine.step()
    engine.cancel("a")
    engine.cancel("never added")
    assert set(drain(engine)) == {"b"}
    assert runner.held == 0


def test_a_cancelled_id_may_come_again(make_picture, drain):
    engine = Engine(FakeRunner())
    engine.add(make_picture("a"))
    engine.step()
    engine.cancel("a")
    assert engine.is_idle
    engine.add(make_picture("a"))
    assert isinstance(drain(engine)["a"], Finished)


def test_the_same_id_twice_in_flight_is_the_callers_mistake(make_picture):
    engine = Engine(FakeRunner())
    engine.add(make_picture("a"))
    with pytest.raises(ValueError, match="already in flight"):
        engine.add(make_picture("a"))


def test_a_prompt_cut_short_is_noted(make_picture, drain):
    engine = Engine(FakeRunner())
    engine.add(make_picture("a", prompt="word " * LONGEST_PROMPT + "lost"))
    finished = drain(engine)["a"]
    assert isinstance(finished, Finished)
    assert finished.notes == ("The prompt was cut before: lost",)


def test_a_waiting_picture_says_why(make_picture):
    engine = batching(FakeRunner())
    engine.add(make_picture("a"))
    engine.add(make_picture("b", width=128))
    engine.step()
    assert engine.why_waiting("b") == "128x64 does not fit a batch of 64x64"


OTHER = Checkpoint(name="other", family="sd2", folder=Path("/other"))
THIRD = Checkpoint(name="third", family="sd2", folder=Path("/third"))


def test_others_are_drawn_while_a_checkpoint_loads_and_its_picture_says_so(make_picture):
    runner = FakeRunner(load_ticks=3)
    engine = Engine(runner)
    engine.add(make_picture("a", steps=20))
    assert [engine.step() for _ in range(3)] == [[], [], []]
    assert engine.why_waiting("a") == "checkpoint nowhere is loading"
    engine.step()
    engine.add(make_picture("b", steps=2, checkpoint=OTHER))
    for _ in range(3):
        assert [event.id for event in engine.step()] == ["a"]
        assert engine.why_waiting("b") == "checkpoint other is loading"
    assert [event.id for event in engine.step()] == ["b"]


def test_a_picture_is_the_same_whenever_its_weights_came(make_picture, drain):
    pictures = []
    for load_ticks in (0, 7):
        engine = Engine(FakeRunner(load_ticks=load_ticks), deterministic=False)
        for number, checkpoint in enumerate((OTHER, THIRD, OTHER)):
            engine.add(make_picture(str(number), checkpoint=checkpoint, seed=number))
        pictures.append(drain(engine))
    assert all(np.array_equal(pictures[0][id].image, pictures[1][id].image) for id in "012")


def test_a_picture_cancelled_while_its_checkpoint_loads_is_gone(make_picture):
    runner = FakeRunner(load_ticks=2)
    engine = Engine(runner)
    engine.add(make_picture("a"))
    engine.step()
    engine.cancel("a")
    assert engine.is_idle
    assert engine.step() == []
    assert not runner.calls


def test_a_late_picture_that_finds_no_memory_keeps_others_from_starting(make_picture):
    """Without that, pictures of the checkpoint under way could come for ever and the other never fit beside them."""
    runner = FakeRunner(room=1)
    engine = Engine(runner)
    engine.add(make_picture("a0", steps=3))
    engine.step()
    engine.add(make_picture("b", steps=2, checkpoint=OTHER))
    engine.step()
    assert engine.why_waiting("b") == "no memory beside the checkpoints under way: nowhere"
    for number in range(1, 40):
        engine.add(make_picture(f"a{number}", steps=3))
        if any(event.id == "b" for event in engine.step()):
            break
    else:
        raise AssertionError("b never came")


@pytest.mark.parametrize(
    ("field", "asked"),
    [
        ("width", {"width": 65}),
        ("width", {"width": 0}),
        ("height", {"height": -8}),
        ("width", {"width": 2**20, "height": 2**20}),
        ("steps", {"steps": 0}),
        ("steps", {"steps": 10_000}),
        ("guidance_scale", {"guidance": float("nan")}),
        ("guidance_scale", {"guidance": float("inf")}),
        ("clip_skip", {"clip_skip": 0}),
        ("tomesd", {"alteration": Alteration(token_merging=1.5)}),
        ("self_attention", {"alteration": Alteration(self_attention=float("nan"))}),
        ("seed", {"seed": -1}),
        ("seed", {"seed": 2**32}),
    ],
)
def test_what_can_never_be_drawn_is_refused_by_field_and_disturbs_nobody(
    make_picture, drain, field, asked: dict[str, Any]
):
    engine = Engine(FakeRunner())
    engine.add(make_picture("a"))
    with pytest.raises(InvalidRequest) as refusal:
        engine.add(make_picture("b", **asked))
    assert refusal.value.field == field
    assert set(drain(engine)) == {"a"}


def test_engine_and_fake_runner_need_no_torch():
    script = "import sys, easel.engine.engine, easel.engine.fake; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
