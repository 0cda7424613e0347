"""Seconds of network calls, without waiting for a device that computes on its own time."""

import time
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager

import torch

Heard = Callable[[float], None]
"""Told how long a call took, in seconds, once that is known."""


class Stopwatch:
    """On a GPU a call is over long after it was made: its events are looked at when the next ones are timed."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._running: deque[tuple[torch.cuda.Event, torch.cuda.Event, Heard]] = deque()

    @contextmanager
    def time(self, heard: Heard) -> Generator[None]:
        """What raises is not timed."""
        if self._device.type != "cuda":
            started = time.perf_counter()
            yield
            heard(time.perf_counter() - started)
            return
        self._look()
        stream = torch.cuda.current_stream(self._device)
        began, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        began.record(stream)
        yield
        ended.record(stream)
        self._running.append((began, ended, heard))

    def _look(self) -> None:
        while self._running and self._running[0][1].query():
            began, ended, heard = self._running.popleft()
            heard(began.elapsed_time(ended) / 1000)
