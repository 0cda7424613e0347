"""A network called without Python between its kernels.

A small U-Net is some five hundred kernels and twice as many Python calls a time: on the starter model the latter are a
third of a call. TorchScript's interpreter makes the same kernel calls, bit for bit, and nothing else; no compiler is
needed, and it takes a fifth of a second to record them. Its successors need a compiler (inductor) or keep Python in the
loop (export), so it is used as long as torch has it; without it the network is called as it is.
"""

import logging
import time
import warnings
from collections import defaultdict
from collections.abc import Callable
from typing import TypeAlias, cast

import torch

log = logging.getLogger(__name__)

Network: TypeAlias = Callable[..., torch.Tensor]
Shapes: TypeAlias = tuple[torch.Size, ...]

AFTER_CALLS = 30
"""Of one shape: more than one picture's worth, so that a single picture does not pay for a recording."""

WORTH_SECONDS = 0.1
"""A call that takes longer hides its Python."""

MOST_SHAPES = 32


class Traced:
    """Calls `network` by a recording of it, made once a shape has come often.

    What `network` does may depend on the shapes of its tensors, not on the numbers in them. Its weights may change in
    place but not be exchanged, and must be its own parameters: torch never frees the other tensors of a recording. A
    recording that does not answer exactly what the network did is dropped.
    """

    def __init__(self, network: torch.nn.Module, *, worth_seconds: float = WORTH_SECONDS) -> None:
        self._network = network
        self._worth_seconds = worth_seconds
        self._seconds: defaultdict[Shapes, list[float]] = defaultdict(list)
        self._settled: dict[Shapes, Network] = {}

    @property
    def recordings(self) -> int:
        return sum(chosen is not self._network for chosen in self._settled.values())

    def __call__(self, *inputs: torch.Tensor) -> torch.Tensor:
        shapes = tuple(tensor.shape for tensor in inputs)
        if shapes in self._settled:
            return self._settled[shapes](*inputs)
        if len(self._settled) == MOST_SHAPES:
            return self._network(*inputs)
        return self._try_out(shapes, inputs)

    def _try_out(self, shapes: Shapes, inputs: tuple[torch.Tensor, ...]) -> torch.Tensor:
        started = time.perf_counter()
        answer = self._network(*inputs)
        seconds = self._seconds[shapes]
        seconds.append(time.perf_counter() - started)
        if len(seconds) == AFTER_CALLS:
            del self._seconds[shapes]
            is_worth_it = min(seconds) < self._worth_seconds
            self._settled[shapes] = self._record(inputs, answer) if is_worth_it else self._network
        return answer

    def _record(self, inputs: tuple[torch.Tensor, ...], answer: torch.Tensor) -> Network:
        try:
            with warnings.catch_warnings(action="ignore"):
                recording = _as_recorded(cast(Network, torch.jit.trace(self._network, inputs, check_trace=False)))
            if torch.equal(recording(*inputs), answer):
                return recording
            log.warning("a recording of a network answered otherwise than the network; it is not used")
        except Exception:  # whatever a recorder that is being retired may raise
            log.warning("a network could not be recorded; it is called as it is", exc_info=True)
        return self._network


def _as_recorded(recording: Network) -> Network:
    """Keeps the interpreter from merging products on its own, at calls of its choosing: that would change last bits."""

    def run(*inputs: torch.Tensor) -> torch.Tensor:
        with torch.jit.optimized_execution(False):  # pyright: ignore[reportPrivateImportUsage]
            return recording(*inputs)

    return run


def traced(network: torch.nn.Module, device: torch.device) -> Network:
    """`network`, by recordings where that is known to answer bit for bit the same: on a CPU."""
    return Traced(network) if device.type == "cpu" else network
