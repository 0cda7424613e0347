"""What the engine takes for itself: the share of its time in which no network runs."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from easel.bench import peers
from easel.bench.measure import prompt
from easel.bench.scenario import Bench, Line, Report
from easel.engine.decoding import Decode, Decoded
from easel.engine.engine import Engine
from easel.engine.families.base import LoadedFamily
from easel.engine.runner import TorchRunner
from easel.engine.trajectory import Trajectory

STEPS = 20
TARGET = 0.03


class WatchedRunner(TorchRunner):
    """Counts the seconds of its networks: the U-Net's calls, the decodes, and what comes before the first call."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.seconds = {"calls": 0.0, "decodes": 0.0, "texts": 0.0}

    @contextmanager
    def counting(self, what: str) -> Generator[None]:
        started = time.perf_counter()
        yield
        self.seconds[what] += time.perf_counter() - started

    def prepare(self, picture: Trajectory) -> tuple[str, ...]:
        with self.counting("texts"):
            return super().prepare(picture)

    def decode(self, picture: Trajectory) -> Decode:
        decode = super().decode(picture)

        def counted() -> Decoded:
            with self.counting("decodes"):
                return decode()

        return counted

    def _family(self, checkpoint: Any) -> LoadedFamily:
        family = super()._family(checkpoint)
        if not isinstance(family.network.fixed, _Counted):
            family.network.fixed = _Counted(family.network.fixed, self)
        return family


class _Counted:
    def __init__(self, network: Callable[..., Any], runner: WatchedRunner) -> None:
        self._network = network
        self._runner = runner

    def __call__(self, *inputs: Any) -> Any:
        with self._runner.counting("calls"):
            return self._network(*inputs)


def run(bench: Bench) -> Report:
    if bench.device != "cpu":
        return Report(skipped="on a GPU calls run on behind the engine's back, and its own time is hidden by theirs.")
    pictures = 6 if bench.quick else 24
    lines: list[Line] = []
    figures: dict[str, Any] = {}
    for backend in bench.backends:
        runner = WatchedRunner(bench.device, backend=backend, cache=bench.cache)
        _draw(bench, runner, 4)  # recordings are made
        runner.seconds = dict.fromkeys(runner.seconds, 0.0)
        total = _draw(bench, runner, pictures)
        share = 1 - sum(runner.seconds.values()) / total
        calls = pictures * STEPS
        figures[backend] = {"seconds": total, **runner.seconds, "share_of_the_engine": share}
        lines.append(
            Line(
                f"engine's own share, {backend}",
                f"{share:.1%}, {1000 * share * total / calls:.2f} ms a step",
                f"{TARGET:.0%} allowed, at {1000 * runner.seconds['calls'] / calls:.1f} ms a call",
                TARGET / max(share, 1e-4),
                1.0,
            )
        )
    return Report(lines, figures)


def _draw(bench: Bench, runner: TorchRunner, pictures: int) -> float:
    engine = Engine(runner)
    for number in range(pictures):
        engine.add(peers.request(bench.subject, str(number), prompt(number), number, STEPS))
    started = time.perf_counter()
    peers.drain(engine)
    return time.perf_counter() - started
