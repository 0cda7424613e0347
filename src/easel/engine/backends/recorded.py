"""The faster of two ways to the same bits: the network as it is, and a recording of its kernels.

Both are timed on calls that pictures need anyway, so a measurement costs a picture nothing but the recording itself, a
fraction of a second. What it says is remembered over restarts. That pictures change over from one way to the other is
no matter: a recording that does not answer bit for bit what the network does is dropped.
"""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from easel.engine.backends.base import Network, Shapes, Tensors, shapes_of
from easel.engine.backends.memory import Memory

log = logging.getLogger(__name__)

AFTER_CALLS = 30
"""Of one shape: more than one picture's worth, so that a single picture does not pay for a recording."""

COMPARED_CALLS = 5
"""Of a recording, before it is kept or dropped."""

WORTH_SECONDS = 0.1
"""A call that takes longer hides its Python."""

MOST_SHAPES = 32
"""That have a recording or were found not to need one; and as many that are tried out at a time."""

Record = Callable[[Network, Tensors], Network]


@dataclass(slots=True)
class _Trial:
    """Seconds of the fastest call of each kind: what else the machine does only ever adds to a call."""

    network: float = float("inf")
    calls: int = 0
    recording: Network | None = None
    recorded: float = float("inf")
    recorded_calls: int = 0


@dataclass(slots=True)
class Recorded:
    """Calls `network`, or what `record` makes of it."""

    network: Network
    record: Record
    memory: Memory = field(default_factory=Memory)
    name: str = ""
    """Of the network, the device and the versions: what measurements are remembered under."""
    after_calls: int = AFTER_CALLS
    worth_seconds: float = WORTH_SECONDS
    always: bool = False
    """Record every shape at its first call and measure nothing."""
    wait: Callable[[], None] = lambda: None
    """Until the device has done what it was told."""
    _settled: dict[Shapes, Network] = field(default_factory=dict[Shapes, Network])
    _trials: OrderedDict[Shapes, _Trial] = field(default_factory=OrderedDict[Shapes, _Trial])

    @property
    def recordings(self) -> int:
        return sum(chosen is not self.network for chosen in self._settled.values())

    @property
    def settled(self) -> int:
        """Shapes that are no longer measured."""
        return len(self._settled)

    @property
    def tried_out(self) -> int:
        """Shapes that are being measured."""
        return len(self._trials)

    def __call__(self, *inputs: torch.Tensor) -> torch.Tensor:
        shapes = shapes_of(inputs)
        settled = self._settled.get(shapes)
        if settled is not None:
            return settled(*inputs)
        if len(self._settled) >= MOST_SHAPES:
            return self.network(*inputs)
        known = self._known(shapes)
        if known is not None:
            return self._settle(shapes, inputs, recorded=known)
        return self._try_out(shapes, inputs)

    def _known(self, shapes: Shapes) -> bool | None:
        """Whether a recording is the faster way; None when that is still to be measured."""
        if self.always:
            return True
        remembered = self.memory.recall(self._entry(shapes))
        return None if remembered is None else remembered.get("faster") == "recorded"

    def _settle(self, shapes: Shapes, inputs: Tensors, *, recorded: bool) -> torch.Tensor:
        answer = self.network(*inputs)
        self._keep(shapes, (self._recording(inputs, answer) if recorded else None) or self.network)
        return answer

    def _try_out(self, shapes: Shapes, inputs: Tensors) -> torch.Tensor:
        trial = self._trials.setdefault(shapes, _Trial())
        self._trials.move_to_end(shapes)
        if len(self._trials) > MOST_SHAPES:
            self._trials.popitem(last=False)
        if trial.recording is not None:
            answer, seconds = self._timed(trial.recording, inputs)
            trial.recorded = min(trial.recorded, seconds)
            trial.recorded_calls += 1
            if trial.recorded_calls == COMPARED_CALLS:
                self._decide(shapes, trial)
            return answer
        answer, seconds = self._timed(self.network, inputs)
        trial.network = min(trial.network, seconds)
        trial.calls += 1
        if trial.calls == self.after_calls:
            if trial.network < self.worth_seconds:
                trial.recording = self._recording(inputs, answer)
            if trial.recording is None:
                self._keep(shapes, self.network)
        return answer

    def _decide(self, shapes: Shapes, trial: _Trial) -> None:
        assert trial.recording is not None
        is_faster = trial.recorded < trial.network
        self._keep(shapes, trial.recording if is_faster else self.network)
        self.memory.remember(
            self._entry(shapes),
            {
                "faster": "recorded" if is_faster else "eager",
                "eager_seconds": trial.network,
                "recorded_seconds": trial.recorded,
            },
        )

    def _keep(self, shapes: Shapes, chosen: Network) -> None:
        self._trials.pop(shapes, None)
        self._settled[shapes] = chosen
        if len(self._settled) == MOST_SHAPES:
            self._trials.clear()

    def _timed(self, network: Network, inputs: Tensors) -> tuple[torch.Tensor, float]:
        self.wait()
        started = time.perf_counter()
        answer = network(*inputs)
        self.wait()
        return answer, time.perf_counter() - started

    def _recording(self, inputs: Tensors, answer: torch.Tensor) -> Network | None:
        try:
            recording = self.record(self.network, inputs)
            if torch.equal(recording(*inputs), answer):
                return recording
            log.warning("a recording of a network answered otherwise than the network; it is not used")
        except Exception:  # whatever a recorder may raise
            log.warning("a network could not be recorded; it is called as it is", exc_info=True)
        return None

    def _entry(self, shapes: Shapes) -> str:
        return f"{self.name} {' '.join('x'.join(map(str, shape)) for shape in shapes)}"
