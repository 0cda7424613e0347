"""Stable Diffusion 2.0 in its full size, with random weights, drawn by Easel and by diffusers.

    python -m benchmarks.full_size [--size 128] [--steps 2]

Makes a checkpoint of the real configuration (a U-Net of 865.9 million parameters, OpenCLIP ViT-H's text encoder, the
real autoencoder) in half precision, about 2.6 GB in a temporary folder. Draws one picture with Easel's engine in
float32, then the same with diffusers' pipeline, and compares the latents. Needs 7 GB of memory. The times are of
loading from a warm page cache and of one picture each: what to expect, not who is faster.
"""

import argparse
import gc
import json
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from benchmarks.record import save
from easel.domain.sampling import Sampler, Spacing
from easel.engine.engine import Engine
from easel.engine.events import Finished
from easel.engine.families.examine import examine
from easel.engine.request import Checkpoint, PictureRequest
from easel.engine.runner import TorchRunner
from easel.engine.trajectory import Trajectory

PROMPT = "a red cat"
WORDS = 49408


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--size", type=int, default=128)
    arguments.add_argument("--steps", type=int, default=2)
    said = arguments.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="easel-full-size-"))
    try:
        make_checkpoint(folder)
        found = examine(folder)
        result: dict[str, Any] = {
            "config": {"size": said.size, "steps": said.steps, "parameters": found.parameters, "bytes": found.bytes}
        }
        ours, result["easel_seconds"] = with_easel(folder, said.size, said.steps)
        gc.collect()
        theirs, result["diffusers_seconds"] = with_diffusers(folder, said.size, said.steps)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    result["largest_difference_of_latents"] = float((ours - theirs).abs().max())
    result["largest_latent"] = float(theirs.abs().max())
    print(json.dumps(result, indent=2))
    print("written to", save("full-size", result))


def make_checkpoint(folder: Path) -> None:
    """One network at a time, each written before the next is made."""
    torch.manual_seed(0)
    UNet2DConditionModel(
        sample_size=96, cross_attention_dim=1024, attention_head_dim=(5, 10, 20, 20), use_linear_projection=True
    ).half().save_pretrained(folder / "unet")
    AutoencoderKL(
        sample_size=768,
        block_out_channels=(128, 256, 512, 512),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=2,
    ).half().save_pretrained(folder / "vae")
    text = CLIPTextConfig(
        vocab_size=WORDS,
        hidden_size=1024,
        intermediate_size=4096,
        num_hidden_layers=23,
        num_attention_heads=16,
        hidden_act="gelu",
        bos_token_id=WORDS - 2,
        eos_token_id=WORDS - 1,
    )
    CLIPTextModel(text).half().save_pretrained(folder / "text_encoder")
    settings = folder / "text_encoder" / "config.json"
    settings.write_text(json.dumps(json.loads(settings.read_text()) | {"dtype": "float32"}))
    letters = [chr(code) for code in range(33, 127)]
    words = [*letters, *(f"{letter}</w>" for letter in letters)]
    words += [f"unused{number}" for number in range(WORDS - 2 - len(words))]
    words += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {word: number for number, word in enumerate(words)}
    CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=77).save_pretrained(folder / "tokenizer")
    DDIMScheduler(
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        prediction_type="v_prediction",
    ).save_pretrained(folder / "scheduler")
    (folder / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')


def with_easel(folder: Path, size: int, steps: int) -> tuple[torch.Tensor, dict[str, float]]:
    latents: list[torch.Tensor] = []

    class Watched(TorchRunner):
        def decode(self, picture: Trajectory) -> Any:
            latents.append(self._canvases[picture.id].latents.clone())
            return super().decode(picture)

    request = PictureRequest(
        id="it",
        checkpoint=Checkpoint(name="full-size", family="sd2", folder=folder),
        prompt=PROMPT,
        negative_prompt="",
        width=size,
        height=size,
        steps=steps,
        guidance=7.5,
        seed=1,
        sampler=Sampler.DDIM,
        spacing=Spacing.MODEL,
    )
    started = time.perf_counter()
    engine = Engine(Watched("cpu"))
    engine.add(request)
    seconds: dict[str, float] = {}
    while not engine.is_idle:
        for event in engine.step():
            seconds.setdefault("load_and_first_step", round(time.perf_counter() - started, 2))
            assert isinstance(event, Finished) or not hasattr(event, "error"), event
    return latents[0], seconds | {"whole_picture": round(time.perf_counter() - started, 2)}


def with_diffusers(folder: Path, size: int, steps: int) -> tuple[torch.Tensor, dict[str, float]]:
    started = time.perf_counter()
    pipeline = StableDiffusionPipeline(
        unet=UNet2DConditionModel.from_pretrained(folder / "unet", torch_dtype=torch.float32),
        vae=AutoencoderKL.from_pretrained(folder / "vae", torch_dtype=torch.float32),
        text_encoder=CLIPTextModel.from_pretrained(folder / "text_encoder", dtype=torch.float32),
        tokenizer=CLIPTokenizer.from_pretrained(folder / "tokenizer"),
        scheduler=DDIMScheduler.from_pretrained(folder / "scheduler"),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    seconds = {"load": round(time.perf_counter() - started, 2)}
    answer = pipeline(
        PROMPT,
        width=size,
        height=size,
        num_inference_steps=steps,
        guidance_scale=7.5,
        generator=torch.Generator().manual_seed(1),
        output_type="latent",
    )
    return answer.images[0], seconds | {"load_and_latents": round(time.perf_counter() - started, 2)}


if __name__ == "__main__":
    main()
