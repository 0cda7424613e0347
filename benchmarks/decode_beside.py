"""Whether decodes gain from a thread of their own on this machine, which must have nothing else to do.

    python -m benchmarks.decode_beside [--device cpu] [--size 256] [--pictures 6] [--runs 5]

The starter's pictures, which end one after the other while others go on: with decodes between ticks and beside them, in
turns. `longest_tick` is what everybody else waits for; `cpu` are seconds computed.
"""

import argparse
import json
import statistics
import time

from benchmarks.record import save
from easel.catalogue.weights import PACKAGE, weights_folder
from easel.domain.sampling import Sampler, Spacing
from easel.engine.engine import Engine
from easel.engine.families import family_of
from easel.engine.request import Checkpoint, PictureRequest
from easel.engine.runner import TorchRunner


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--device", default="cpu")
    arguments.add_argument("--size", type=int, default=256)
    arguments.add_argument("--pictures", type=int, default=6)
    arguments.add_argument("--runs", type=int, default=5)
    asked = arguments.parse_args()
    folder = weights_folder(f"{PACKAGE}easel-starter")
    starter = Checkpoint(name="easel-starter", family=family_of(folder), folder=folder)
    requests = [picture(starter, asked.size, number) for number in range(asked.pictures)]
    ways = {"between": False, "beside": True}
    runners = {way: TorchRunner(asked.device, decodes_beside=beside) for way, beside in ways.items()}
    for runner in runners.values():
        measure(runner, requests)
    runs: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
    for _ in range(asked.runs):
        for way, runner in runners.items():
            runs[way].append(measure(runner, requests))
    result = {"asked": vars(asked), **{way: medians(found) for way, found in runs.items()}}
    print(json.dumps(result, indent=2))
    print("written to", save("decode_beside", result))


def picture(checkpoint: Checkpoint, size: int, number: int) -> PictureRequest:
    return PictureRequest(
        id=str(number),
        checkpoint=checkpoint,
        prompt="a red circle",
        negative_prompt="",
        width=size,
        height=size,
        steps=6 + number,
        guidance=4.0,
        seed=number,
        sampler=Sampler.DDIM,
        spacing=Spacing.MODEL,
    )


def measure(runner: TorchRunner, requests: list[PictureRequest]) -> dict[str, float]:
    engine = Engine(runner)
    for request in requests:
        engine.add(request)
    began, computed, longest = time.perf_counter(), time.process_time(), 0.0
    while not engine.is_idle:
        tick = time.perf_counter()
        engine.step()
        longest = max(longest, time.perf_counter() - tick)
    return {
        "seconds": time.perf_counter() - began,
        "cpu": time.process_time() - computed,
        "longest_tick": longest,
    }


def medians(runs: list[dict[str, float]]) -> dict[str, float]:
    return {name: round(statistics.median(run[name] for run in runs), 3) for name in runs[0]}


if __name__ == "__main__":
    main()
