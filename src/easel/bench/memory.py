"""Scenario 7: what pictures in flight add to a process's memory. Each number of them in a process of its own."""

import json
import subprocess
import sys
from pathlib import Path

from easel.bench.scenario import Bench, Line, Report

TARGET = 1.5
"""Peak memory with all pictures in flight, as a multiple of that with one."""


def run(bench: Bench) -> Report:
    peaks: dict[int, int] = {}
    for pictures in (1, 8) if bench.quick else (1, 4, 8, 16):
        words = [str(pictures), str(bench.subject.folder), bench.subject.checkpoint.family, str(bench.subject.side)]
        said = subprocess.run(
            [sys.executable, "-m", "easel.bench.memory", *words, bench.device, bench.backends[0], str(bench.cache)],
            check=True,
            capture_output=True,
            text=True,
        )
        peaks[pictures] = json.loads(said.stdout.splitlines()[-1])
    most = max(peaks)
    each = (peaks[most] - peaks[1]) / (most - 1)
    line = Line(
        f"{most} pictures in flight",
        f"{peaks[most] / 2**20:.0f} MiB, {each / 2**20:.2f} a picture",
        f"{TARGET} x one picture ({peaks[1] / 2**20:.0f} MiB) allowed",
        TARGET * peaks[1] / peaks[most],
        1.0,
    )
    return Report([line], {"peak_bytes": {str(count): peak for count, peak in peaks.items()}})


def main(pictures: str, folder: str, family: str, side: str, device: str, backend: str, cache: str) -> None:
    """Draw that many at once, and print the most memory that the process, or on a GPU the device, ever had."""
    from easel.bench import peers
    from easel.bench.measure import prompt
    from easel.bench.models import Subject
    from easel.engine.engine import Engine
    from easel.engine.request import Checkpoint
    from easel.engine.runner import TorchRunner

    subject = Subject(Checkpoint(name="it", family=family, folder=Path(folder)), int(side))
    engine = Engine(TorchRunner(device, backend=backend, cache=Path(cache)), deterministic=device == "cpu")
    for number in range(int(pictures)):
        engine.add(peers.request(subject, str(number), prompt(number), number, 4))
    peers.drain(engine)
    print(json.dumps(_peak(device)))


def _peak(device: str) -> int:
    import torch

    if device != "cpu":
        return torch.cuda.max_memory_allocated()
    status = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


if __name__ == "__main__":
    main(*sys.argv[1:])
