"""Scenario 5: from nothing to the first picture, and from one checkpoint to another."""

import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from itertools import count

from easel.bench import peers
from easel.bench.scenario import Bench, Line, Report
from easel.engine.engine import Engine
from easel.engine.events import Failed, Progress
from easel.engine.request import Checkpoint
from easel.engine.runner import TorchRunner

SWITCH_TARGET = 0.3
"""Seconds."""


def run(bench: Bench) -> Report:
    rounds = 4 if bench.quick else 10
    other = bench.work / "another" / bench.subject.folder.name
    if not other.exists():
        shutil.copytree(bench.subject.folder, other)
    two = [bench.subject.checkpoint, replace(bench.subject.checkpoint, name="another", folder=other)]
    alone = _first_steps(bench, two[:1], rounds)
    in_memory = _first_steps(bench, two, rounds) - alone
    from_files = _first_steps(bench, two, rounds, weight_bytes=1) - alone
    cold = _cold(bench)
    lines = [
        Line("cold start to the first picture", f"{cold:.2f} s", "interpreter, imports, weights and 20 steps"),
        _switch("to a checkpoint in memory", in_memory),
        _switch("to a checkpoint in the page cache", from_files),
    ]
    figures = {"cold_start_seconds": cold, "in_memory_seconds": in_memory, "from_page_cache_seconds": from_files}
    return Report(lines, figures | {"one_step_seconds": alone})


def _switch(what: str, seconds: float) -> Line:
    shown = max(seconds, 1e-3)
    return Line(what, f"{1000 * seconds:.0f} ms", f"{SWITCH_TARGET} s allowed", SWITCH_TARGET / shown, 1.0)


def _first_steps(bench: Bench, checkpoints: list[Checkpoint], rounds: int, weight_bytes: int | None = None) -> float:
    """Seconds from a request to its first step, each for another checkpoint than the last: the median."""
    runner = TorchRunner(bench.device, backend=bench.backends[0], cache=bench.cache, weight_bytes=weight_bytes)
    engine, ids = Engine(runner), count()
    seconds: list[float] = []
    for _ in range(rounds + 1):
        for checkpoint in checkpoints:
            id = str(next(ids))
            request = replace(peers.request(bench.subject, id, "a red circle", 1, 1), checkpoint=checkpoint)
            started = time.perf_counter()
            engine.add(request)
            stepped = False
            while not stepped:
                events = engine.step()
                assert not any(isinstance(event, Failed) for event in events), events
                stepped = any(isinstance(event, Progress) for event in events)
            seconds.append(time.perf_counter() - started)
            peers.drain(engine)
    return statistics.median(seconds[len(checkpoints) :])


def _cold(bench: Bench) -> float:
    """A process of its own, from its start to its end."""
    out = bench.work / "cold.png"
    words = ["generate", "a red circle", "--model", str(bench.subject.folder), "--out", str(out), "--steps", "20"]
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "easel", *words], check=True, capture_output=True)
    return time.perf_counter() - started
