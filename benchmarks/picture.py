"""Seconds a picture: Easel's engine against diffusers' own pipeline, on the same weights, in one process, in turns.

    python -m benchmarks.picture [--folder FOLDER] [--pictures 11] [--steps 25] [--size 128] [--threads N]

Both encode the prompt (a new one each time), take `steps` guided DDIM steps and decode; PNG encoding is left out.
Times are medians over the pictures after one to warm up. Every pair of pictures is compared as well.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import torch

from benchmarks.record import save
from easel.domain.sampling import Sampler, Spacing
from easel.engine.engine import Engine
from easel.engine.events import Failed, Finished
from easel.engine.request import Checkpoint, PictureRequest
from easel.engine.runner import TorchRunner

STARTER = Path(__file__).parent.parent / "src" / "easel" / "weights" / "easel-starter"
COLOURS = ("red", "green", "blue", "yellow", "purple", "orange", "pink", "brown", "black", "white", "gray")
GUIDANCE = 4.0

Draw = Callable[[str, int], Any]


def easel(folder: Path, size: int, steps: int) -> Draw:
    engine = Engine(TorchRunner("cpu"))
    checkpoint = Checkpoint(name=folder.name, family="sd2", folder=folder)

    def draw(prompt: str, seed: int) -> Any:
        engine.add(
            PictureRequest(
                id=str(seed),
                checkpoint=checkpoint,
                prompt=prompt,
                negative_prompt="",
                width=size,
                height=size,
                steps=steps,
                guidance=GUIDANCE,
                seed=seed,
                sampler=Sampler.DDIM,
                spacing=Spacing.MODEL,
            )
        )
        while True:
            for event in engine.step():
                match event:
                    case Finished(_, image):
                        return image
                    case Failed(_, error):
                        raise RuntimeError(error)
                    case _:
                        pass

    return draw


def diffusers_pipeline(folder: Path, size: int, steps: int) -> Draw:
    pipeline = diffusers.StableDiffusionPipeline.from_pretrained(folder, local_files_only=True, safety_checker=None)
    pipeline.scheduler = diffusers.DDIMScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)

    def draw(prompt: str, seed: int) -> Any:
        picture = pipeline(
            prompt,
            width=size,
            height=size,
            num_inference_steps=steps,
            guidance_scale=GUIDANCE,
            generator=torch.Generator().manual_seed(seed),
            output_type="np",
        ).images[0]
        return (picture * 255).round().astype(np.uint8)

    return draw


def timed(draw: Draw, prompt: str, seed: int) -> tuple[Any, float, float]:
    """The picture, and the wall and processor seconds that it took."""
    wall, processor = time.perf_counter(), time.process_time()
    image = draw(prompt, seed)
    return image, time.perf_counter() - wall, time.process_time() - processor


def measure(peers: dict[str, Draw], pictures: int) -> dict[str, Any]:
    seconds: dict[str, list[float]] = {name: [] for name in peers}
    processor_seconds: dict[str, list[float]] = {name: [] for name in peers}
    difference = 0
    for number in range(pictures + 1):
        prompt = f"a {COLOURS[number % len(COLOURS)]} circle and {number} squares"
        drawn: list[Any] = []
        # Who goes first takes turns too: the second finds warmer caches.
        for name in sorted(peers, reverse=number % 2 == 1):
            image, wall, processor = timed(peers[name], prompt, number)
            drawn.append(image.astype(int))
            if number > 0:
                seconds[name].append(wall)
                processor_seconds[name].append(processor)
        difference = max(difference, int(np.abs(drawn[0] - drawn[1]).max()))
    return {
        "median_seconds": {name: statistics.median(times) for name, times in seconds.items()},
        "median_processor_seconds": {name: statistics.median(times) for name, times in processor_seconds.items()},
        "seconds": seconds,
        "largest_difference_of_255": difference,
    }


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--folder", type=Path, default=STARTER)
    arguments.add_argument("--pictures", type=int, default=11)
    arguments.add_argument("--steps", type=int, default=25)
    arguments.add_argument("--size", type=int, default=128)
    arguments.add_argument("--threads", type=int, default=torch.get_num_threads())
    asked = arguments.parse_args()
    torch.set_num_threads(asked.threads)
    peers = {
        "easel": easel(asked.folder, asked.size, asked.steps),
        "diffusers": diffusers_pipeline(asked.folder, asked.size, asked.steps),
    }
    result = measure(peers, asked.pictures)
    medians = result["median_seconds"]
    ratio = medians["diffusers"] / medians["easel"]
    path = save(
        "picture",
        {
            "what": f"one guided {asked.size}x{asked.size} picture, {asked.steps} DDIM steps, decode included",
            "model": asked.folder.name,
            "threads": asked.threads,
            "torch": torch.__version__,
            "diffusers": diffusers.__version__,
            "times_faster_than_diffusers": ratio,
            **result,
        },
    )
    print(f"easel {medians['easel']:.3f} s, diffusers {medians['diffusers']:.3f} s: {ratio:.2f} times as fast. {path}")


if __name__ == "__main__":
    main()
