"""Scenario 2: as many pictures as go, all alike: a closed loop of clients that always have one in flight."""

import time
from collections.abc import Callable

from easel.bench import peers
from easel.bench.measure import prompt
from easel.bench.scenario import Bench, Line, Report
from easel.engine.engine import Engine
from easel.engine.events import Failed, Finished
from easel.engine.runner import TorchRunner

STEPS = 20


def run(bench: Bench) -> Report:
    clients, pictures = (4, 8) if bench.quick else (8, 32)
    one_by_one = peers.diffusers(bench.subject, bench.device)
    batch = peers.batches(bench.subject, bench.device)
    rates = {
        "easel, a picture a call": _rate(bench, clients, pictures, deterministic=True),
        "easel, rows that pay": _rate(bench, clients, pictures, deterministic=False),
        "diffusers, one by one": _timed(
            lambda count: [one_by_one(prompt(number), number, STEPS) for number in range(count)], pictures
        ),
        f"diffusers, batches of {clients}": _timed(
            lambda count: [
                batch([prompt(number) for number in range(at, at + clients)], list(range(at, at + clients)), STEPS)
                for at in range(0, count, clients)
            ],
            pictures,
        ),
    }
    peer = max(rate for name, rate in rates.items() if name.startswith("diffusers"))
    lines = [
        Line(name, f"{rate:.2f} pictures/s", "the better of diffusers'", rate / peer, 1.0)
        for name, rate in rates.items()
        if name.startswith("easel")
    ]
    return Report(lines, {"clients": clients, "pictures": pictures, "steps": STEPS, "pictures_a_second": rates})


def _rate(bench: Bench, clients: int, pictures: int, *, deterministic: bool) -> float:
    """Once to warm up, which is also when the sizes of calls are tried; then counted."""
    runner = TorchRunner(bench.device, backend=bench.backends[0], cache=bench.cache)
    engine = Engine(runner, max_rows=8 if bench.device == "cpu" else 32, deterministic=deterministic)

    def loop(count: int) -> None:
        asked = done = 0
        while done < count:
            while asked < count and asked - done < clients:
                engine.add(peers.request(bench.subject, str(asked), prompt(asked), asked, STEPS))
                asked += 1
            for event in engine.step():
                assert not isinstance(event, Failed), event
                done += isinstance(event, Finished)

    loop(2 * clients)
    return _timed(loop, pictures)


def _timed(draw: Callable[[int], object], pictures: int) -> float:
    """Pictures a second."""
    started = time.perf_counter()
    draw(pictures)
    return pictures / (time.perf_counter() - started)
