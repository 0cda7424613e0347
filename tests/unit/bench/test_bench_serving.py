"""Load on a device made up for the purpose: the arithmetic of being in time, and the policies' order."""

import random
from pathlib import Path

import pytest

from easel.bench.arrivals import Arrival, arrivals, bursts, poisson
from easel.bench.mixed import _highest, in_time
from easel.bench.models import Subject
from easel.bench.peers import request
from easel.bench.serving import InBatches, TimedRunner, Times, Together, ToldClock, drive
from easel.engine.engine import Engine
from easel.engine.request import Checkpoint

SUBJECT = Subject(Checkpoint(name="nowhere", family="sd2", folder=Path("/nowhere")), 64)
TIMES = Times(call=lambda rows: 0.05 * rows, picture=0.1)


def asked(*steps_and_times: tuple[int, float]) -> list[Arrival]:
    return [
        Arrival(at, request(SUBJECT, str(number), "a cat", number, steps))
        for number, (steps, at) in enumerate(steps_and_times)
    ]


def took(kind: str, wanted: list[Arrival]) -> dict[str, float]:
    clock = ToldClock()
    engine = Engine(TimedRunner(clock=clock, times=TIMES))
    return drive(Together(engine) if kind == "slack" else InBatches(engine), wanted, clock)


@pytest.mark.parametrize("kind", ["slack", "one at a time"])
def test_a_picture_alone_takes_what_it_takes(kind: str) -> None:
    [seconds] = took(kind, asked((20, 5.0))).values()
    assert seconds == pytest.approx(20 * 0.1 + 0.1)


def test_a_short_request_behind_a_long_one_is_in_time_by_slack_alone() -> None:
    wanted = asked((50, 0.0), (10, 0.5))
    assert in_time(wanted, took("slack", wanted), TIMES)["3 x alone"] == 1
    assert in_time(wanted, took("one at a time", wanted), TIMES)["3 x alone"] == 0.5


@pytest.mark.parametrize("gaps", [poisson, bursts])
def test_arrivals_come_at_the_rate_that_was_asked_for(gaps) -> None:
    rng = random.Random(1)
    assert sum(gaps(rng, 0.5) for _ in range(20_000)) / 20_000 == pytest.approx(0.5, rel=0.15)


def test_the_same_requests_come_at_any_rate() -> None:
    slow, fast = (arrivals(SUBJECT, poisson, rate=rate, count=20, seed=3) for rate in (1.0, 4.0))
    assert [one.request for one in slow] == [one.request for one in fast]
    assert slow[-1].at == pytest.approx(4 * fast[-1].at)


def test_the_highest_load_lies_where_the_share_in_time_falls_below_95_percent() -> None:
    curve = [1.0, 1.0, 0.9]
    goals = dict.fromkeys(("3 x alone", "5 x alone", "one time for all"), curve)
    assert _highest({**goals, "loads": [0.2, 0.4, 0.6]})["3 x alone"] == pytest.approx(0.5)
