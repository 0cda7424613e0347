"""One device under load: who is drawn when, by policy, on a clock that runs or one that is told.

Every policy draws with the same engine and the same networks, so what differs is order and company alone.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from easel.bench.arrivals import Arrival
from easel.engine.batch import Batch
from easel.engine.decoding import Decode, Decoded
from easel.engine.engine import Engine
from easel.engine.events import Failed, Finished
from easel.engine.fake import FakeRunner
from easel.engine.request import PictureRequest
from easel.engine.trajectory import Trajectory


class Clock(Protocol):
    """Seconds since the start."""

    def now(self) -> float: ...

    def skip_to(self, at: float) -> None:
        """Nothing happens until then."""
        ...


class RunningClock:
    """The machine's, but for the time in which nobody has anything to do: that is skipped."""

    def __init__(self) -> None:
        self._started = time.perf_counter()

    def now(self) -> float:
        return time.perf_counter() - self._started

    def skip_to(self, at: float) -> None:
        self._started -= max(0.0, at - self.now())


@dataclass(slots=True)
class ToldClock:
    at: float = 0.0

    def now(self) -> float:
        return self.at

    def skip_to(self, at: float) -> None:
        self.at = max(self.at, at)


@dataclass(frozen=True, slots=True)
class Times:
    """What drawing takes on a device, as measured: of a call by its rows, and of all else of a picture."""

    call: Callable[[int], float]
    picture: float

    def alone(self, request: PictureRequest) -> float:
        return request.steps * self.call(2 if request.is_guided else 1) + self.picture


@dataclass
class TimedRunner(FakeRunner):
    """Draws nothing, and tells the clock how long that would have taken."""

    clock: ToldClock = field(default_factory=ToldClock)
    times: Times = field(default_factory=lambda: Times(lambda rows: 0.0, 0.0))

    def denoise(self, batch: Batch) -> None:
        super().denoise(batch)
        rows = len(batch.rows)
        self.clock.at += self.times.call(rows)
        self.costs.record(batch.key.kind, rows, self.times.call(rows))

    def decode(self, picture: Trajectory) -> Decode:
        decode = super().decode(picture)

        def timed() -> Decoded:
            self.clock.at += self.times.picture
            return decode()

        return timed


class Policy(Protocol):
    def add(self, request: PictureRequest) -> None: ...

    @property
    def is_idle(self) -> bool: ...

    def step(self) -> list[str]:
        """Go on for a moment; answers who is done."""
        ...


@dataclass(slots=True)
class Together:
    """Easel's: all are in flight, and each tick goes to whoever has the least slack."""

    engine: Engine

    def add(self, request: PictureRequest) -> None:
        self.engine.add(request)

    @property
    def is_idle(self) -> bool:
        return self.engine.is_idle

    def step(self) -> list[str]:
        return finished(self.engine)


@dataclass(slots=True)
class InBatches:
    """First come, first served: the next one and, up to `most`, those behind it that ask for the same steps and
    guidance; all of them are done before anybody else begins. With `most` of 1, one at a time.
    """

    engine: Engine
    most: int = 1
    waiting: deque[PictureRequest] = field(default_factory=deque[PictureRequest])

    def add(self, request: PictureRequest) -> None:
        self.waiting.append(request)

    @property
    def is_idle(self) -> bool:
        return not self.waiting and self.engine.is_idle

    def step(self) -> list[str]:
        if self.engine.is_idle and self.waiting:
            first = self.waiting[0]
            alike = [one for one in self.waiting if (one.steps, one.guidance) == (first.steps, first.guidance)]
            for request in alike[: self.most]:
                self.waiting.remove(request)
                self.engine.add(request)
        return finished(self.engine)


def finished(engine: Engine) -> list[str]:
    done: list[str] = []
    for event in engine.step():
        if isinstance(event, Failed):
            raise RuntimeError(event.error)
        if isinstance(event, Finished):
            done.append(event.id)
    return done


def drive(policy: Policy, asked: Sequence[Arrival], clock: Clock) -> dict[str, float]:
    """Seconds that each request took, from its arrival to its picture."""
    coming = deque(asked)
    came = {arrival.request.id: arrival.at for arrival in asked}
    took: dict[str, float] = {}
    while coming or not policy.is_idle:
        if policy.is_idle:
            clock.skip_to(coming[0].at)
        while coming and coming[0].at <= clock.now():
            policy.add(coming.popleft().request)
        for id in policy.step():
            took[id] = clock.now() - came[id]
    return took
