"""The second pass: what comes out is what two requests by hand give, and it counts as one picture."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from easel.catalogue.weights import weights_folder
from easel.domain.errors import InvalidRequest
from easel.domain.sampling import Sampler, Spacing
from easel.engine.engine import Engine
from easel.engine.events import Event, Failed, Finished, Progress
from easel.engine.fake import FakeRunner
from easel.engine.request import Checkpoint, PictureRequest, Pixels, SecondPass
from easel.engine.runner import TorchRunner
from easel.kit.resample import resample

PLAIN = PictureRequest(
    id="a",
    checkpoint=Checkpoint(name="fake", family="sd2", folder=Path("nowhere")),
    prompt="a red star",
    negative_prompt="",
    width=64,
    height=128,
    steps=4,
    guidance=4.0,
    seed=7,
    sampler=Sampler.EULER_ANCESTRAL,
    spacing=Spacing.MODEL,
)
AGAIN = SecondPass(width=128, height=256, steps=6, strength=0.5)


def drawn(engine: Engine, *requests: PictureRequest) -> list[Event]:
    for request in requests:
        engine.add(request)
    events: list[Event] = []
    while not engine.is_idle:
        events += engine.step()
    return events


def picture(events: list[Event], id: str = "a") -> Pixels:
    (image,) = [event.image for event in events if isinstance(event, Finished) and event.id == id]
    return image


def test_it_is_what_two_requests_give_bit_for_bit_and_in_any_company() -> None:
    folder = weights_folder("package:easel-starter")
    plain = replace(PLAIN, checkpoint=Checkpoint(name="easel-starter", family="sd2", folder=folder))
    engine = Engine(TorchRunner("cpu"))
    first = picture(drawn(engine, plain))
    by_hand = replace(plain, width=128, height=256, steps=6, strength=0.5, init=resample(first, 128, 256))
    expected = picture(drawn(engine, by_hand))
    events = drawn(engine, replace(plain, again=AGAIN), replace(plain, id="b"))
    assert np.array_equal(picture(events), expected)
    assert np.array_equal(picture(events, "b"), first)


def test_it_is_one_picture_whose_steps_go_on() -> None:
    events = drawn(Engine(FakeRunner()), replace(PLAIN, again=AGAIN))
    assert [(event.step, event.steps) for event in events if isinstance(event, Progress)] == [
        (step, 7) for step in range(1, 8)
    ]
    assert picture(events).shape == (256, 128, 3)


def test_a_second_pass_that_cannot_be_drawn_is_refused_before_the_first() -> None:
    engine = Engine(FakeRunner())
    for wrong in (replace(AGAIN, width=130), replace(AGAIN, strength=1.5), replace(AGAIN, steps=0)):
        with pytest.raises(InvalidRequest):
            engine.add(replace(PLAIN, again=wrong))
    assert engine.is_idle


def test_it_may_be_cancelled_in_either_pass_and_its_failure_is_its_own() -> None:
    for ticks in (2, 6):
        runner = FakeRunner()
        engine = Engine(runner)
        engine.add(replace(PLAIN, again=AGAIN))
        for _ in range(ticks):
            engine.step()
        engine.cancel("a")
        assert engine.is_idle
        assert runner.held == 0
    events = drawn(Engine(FakeRunner()), replace(PLAIN, prompt="undecodable", again=AGAIN), replace(PLAIN, id="b"))
    assert [event.id for event in events if isinstance(event, Failed)] == ["a"]
    assert picture(events, "b").shape == (128, 64, 3)
