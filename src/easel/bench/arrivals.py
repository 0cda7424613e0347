"""Requests of many lengths, and when they come."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from easel.bench import peers
from easel.bench.measure import prompt
from easel.bench.models import Subject
from easel.engine.request import PictureRequest

STEPS = ((10, 0.30), (20, 0.30), (30, 0.25), (50, 0.15))
GUIDANCES = ((1.0, 0.1), (2.5, 0.3), (4.0, 0.4), (7.5, 0.2))
"""Up to 1 is not guided, and takes one row of a call."""

Gaps = Callable[[random.Random, float], float]


@dataclass(frozen=True, slots=True)
class Arrival:
    at: float
    """Seconds since the start."""
    request: PictureRequest


def poisson(rng: random.Random, mean: float) -> float:
    return rng.expovariate(1 / mean)


def bursts(rng: random.Random, mean: float) -> float:
    """Gamma-distributed gaps with a coefficient of variation of 3: many at once, then nothing for long."""
    shape = 1 / 9
    return rng.gammavariate(shape, mean / shape)


def arrivals(subject: Subject, gaps: Gaps, *, rate: float, count: int, seed: int) -> list[Arrival]:
    """`count` requests at `rate` a second; the same requests whatever the rate."""
    kinds, times = random.Random(f"kinds {seed}"), random.Random(f"times {seed}")
    requests = (_request(subject, kinds, number) for number in range(count))
    return [Arrival(at, request) for at, request in zip(_times(times, gaps, 1 / rate), requests, strict=False)]


def _times(rng: random.Random, gaps: Gaps, mean: float) -> Iterator[float]:
    at = 0.0
    while True:
        yield at
        at += gaps(rng, mean)


def _request(subject: Subject, rng: random.Random, number: int) -> PictureRequest:
    [steps] = rng.choices([steps for steps, _ in STEPS], [share for _, share in STEPS])
    [guidance] = rng.choices([guidance for guidance, _ in GUIDANCES], [share for _, share in GUIDANCES])
    return peers.request(subject, str(number), prompt(number), number, steps, guidance=guidance)
