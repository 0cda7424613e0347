"""Numbers out of runs: in turns, so that what else the machine does falls on all alike."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

COLOURS = ("red", "green", "blue", "yellow", "purple", "orange", "pink", "brown", "black", "white", "gray")


def prompt(number: int) -> str:
    """Another one each time, so that nobody draws from a cache."""
    return f"a {COLOURS[number % len(COLOURS)]} circle and {number} squares"


def in_turns(acts: Mapping[str, Callable[[int], object]], rounds: int, *, warm_up: int = 1) -> dict[str, list[float]]:
    """Seconds of each act in each round but the first `warm_up`; they are told the number of the round.

    Who goes first takes turns too: the second finds warmer caches.
    """
    seconds: dict[str, list[float]] = {name: [] for name in acts}
    for number in range(rounds + warm_up):
        for name in sorted(acts, reverse=number % 2 == 1):
            started = time.perf_counter()
            acts[name](number)
            if number >= warm_up:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def summary(seconds: Sequence[float]) -> dict[str, Any]:
    return {
        "p50": round(statistics.median(seconds), 4),
        "p95": round(percentile(seconds, 0.95), 4),
        "min": round(min(seconds), 4),
        "runs": len(seconds),
    }


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of them do not pass."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
