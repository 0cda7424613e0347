"""From one checkpoint to another: what a picture waits for when the other is in memory, and when it must be read.

    python -m benchmarks.switch [--runs 7]

Two checkpoints of random weights, about 150 MB each in float32, on one thread. `in_memory` is from the request to its
first step with both loaded; `from_page_cache` the same with room for one alone, so that each switch reads the other's
files; `load_alone` is the load without the step, and `diffusers` StableDiffusionPipeline.from_pretrained of the same
folder, which maps the files and reads them at the first step. Seconds are those on the clock, `cpu` those computed.
"""

import argparse
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from benchmarks.record import save
from easel.domain.sampling import Sampler, Spacing
from easel.engine.engine import Engine
from easel.engine.events import Progress
from easel.engine.families import family_named
from easel.engine.families.examine import examine
from easel.engine.families.source import Source
from easel.engine.request import Checkpoint, PictureRequest
from easel.engine.runner import TorchRunner


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--runs", type=int, default=7)
    runs = arguments.parse_args().runs
    place = Path(tempfile.mkdtemp(prefix="easel-switch-"))
    torch.set_num_threads(1)
    try:
        checkpoints = [make_checkpoint(place / name, seed) for seed, name in enumerate("ab")]
        result = {
            "bytes_in_float32": 4 * examine(checkpoints[0].folder).parameters,
            "seconds": {
                "in_memory": switches(checkpoints, runs, weight_bytes=None),
                "from_page_cache": switches(checkpoints, runs, weight_bytes=2**20),
                "one_step_alone": switches(checkpoints[:1], runs, weight_bytes=None),
                "load_alone": timed(lambda: load(checkpoints[0]), runs),
                "diffusers": timed(lambda: from_pretrained(checkpoints[0]), runs),
            },
        }
    finally:
        shutil.rmtree(place, ignore_errors=True)
    print(json.dumps(result, indent=2))
    print("written to", save("switch", result))


def make_checkpoint(folder: Path, seed: int) -> Checkpoint:
    torch.manual_seed(seed)
    UNet2DConditionModel(
        sample_size=16,
        block_out_channels=(96, 192, 288),
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=256,
        attention_head_dim=(3, 6, 9),
        use_linear_projection=True,
    ).save_pretrained(folder / "unet")
    AutoencoderKL(
        block_out_channels=(64, 128, 128, 128),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
    ).save_pretrained(folder / "vae")
    letters = [chr(code) for code in range(33, 127)]
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    text = CLIPTextConfig(
        vocab_size=len(words),
        hidden_size=256,
        intermediate_size=1024,
        num_hidden_layers=6,
        num_attention_heads=4,
        bos_token_id=len(words) - 2,
        eos_token_id=len(words) - 1,
        pad_token_id=len(words) - 1,
    )
    CLIPTextModel(text).save_pretrained(folder / "text_encoder")
    vocabulary = {word: number for number, word in enumerate(words)}
    CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=77).save_pretrained(folder / "tokenizer")
    DDIMScheduler(clip_sample=False).save_pretrained(folder / "scheduler")
    index = {
        "_class_name": "StableDiffusionPipeline",
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
        "scheduler": ["diffusers", "DDIMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "safety_checker": [None, None],
        "feature_extractor": [None, None],
    }
    (folder / "model_index.json").write_text(json.dumps(index))
    return Checkpoint(name=folder.name, family="sd2", folder=folder)


def switches(checkpoints: list[Checkpoint], runs: int, *, weight_bytes: int | None) -> dict[str, Any]:
    """From a request to its first step, each for another checkpoint than the last."""
    engine = Engine(TorchRunner("cpu", weight_bytes=weight_bytes))
    numbers = iter(range(10**6))

    def first_step() -> None:
        while not engine.is_idle:
            engine.step()
        number = next(numbers)
        engine.add(request(str(number), checkpoints[number % len(checkpoints)]))
        while not any(isinstance(event, Progress) for event in engine.step()):
            pass

    return timed(first_step, 2 * runs, warm_up=len(checkpoints))


def request(id: str, checkpoint: Checkpoint) -> PictureRequest:
    return PictureRequest(
        id=id,
        checkpoint=checkpoint,
        prompt="a red cat",
        negative_prompt="",
        width=64,
        height=64,
        steps=1,
        guidance=1.0,
        seed=1,
        sampler=Sampler.DDIM,
        spacing=Spacing.MODEL,
    )


def load(checkpoint: Checkpoint) -> None:
    family_named(checkpoint.family).load(Source(checkpoint.folder, torch.device("cpu"), torch.float32))


def from_pretrained(checkpoint: Checkpoint) -> None:
    StableDiffusionPipeline.from_pretrained(checkpoint.folder, local_files_only=True)


def timed(act: Callable[[], object], runs: int, warm_up: int = 1) -> dict[str, Any]:
    clock: list[float] = []
    cpu: list[float] = []
    for _ in range(runs + warm_up):
        started, computed = time.perf_counter(), time.process_time()
        act()
        clock.append(time.perf_counter() - started)
        cpu.append(time.process_time() - computed)
    return {"clock": summary(clock[warm_up:]), "cpu": summary(cpu[warm_up:])}


def summary(seconds: list[float]) -> dict[str, Any]:
    return {
        "median": round(statistics.median(seconds), 3),
        "min": round(min(seconds), 3),
        "max": round(max(seconds), 3),
        "runs": len(seconds),
    }


if __name__ == "__main__":
    main()
