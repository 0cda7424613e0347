"""From a run's checkpoints to an ordinary diffusers folder that StableDiffusionPipeline loads unchanged."""

import json
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline
from transformers import CLIPTextModel, CLIPTokenizer

from easel.train import denoiser, schedule
from easel.train import tokenizer as tokens
from easel.train.captions import vocabulary
from easel.train.checkpoint import finished, write_json


def export(out: Path, *, run: Path, autoencoder: Path, encoder: Path) -> float:
    """Write the folder in fp16 and return its size in megabytes."""
    finished(autoencoder, "autoencoder")
    finished(encoder, "text-encoder")
    network, _ = denoiser.load_average(run)
    pipeline = StableDiffusionPipeline(
        vae=AutoencoderKL.from_pretrained(autoencoder),
        text_encoder=CLIPTextModel.from_pretrained(encoder),
        tokenizer=CLIPTokenizer.from_pretrained(encoder / "tokenizer"),
        unet=network,
        scheduler=DDIMScheduler(**schedule.scheduler_config()),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )  # fmt: skip
    pipeline.to(torch.float16)
    pipeline.save_pretrained(out, safe_serialization=True)
    tokens.save(pipeline.tokenizer, out / "tokenizer")
    write_json(out / "words.json", vocabulary())
    for config in out.rglob("*.json"):
        _tidy(config)
    for path in out.rglob("*.safetensors"):
        path.chmod(0o644)
    return sum(path.stat().st_size for path in out.rglob("*") if path.is_file()) / 1e6


def _tidy(config: Path) -> None:
    """Two things that the libraries write and a reader should not inherit.

    diffusers notes the folder each part was loaded from. And transformers takes the text encoder's dtype from its
    config where diffusers defaults to float32, so that an unchanged `from_pretrained` would mix the two: say float32.
    """
    values = json.loads(config.read_text())
    if not isinstance(values, dict) or config.name == "tokenizer.json":
        return
    changed = values.pop("_name_or_path", None) is not None
    if values.get("dtype") == "float16":
        values["dtype"], changed = "float32", True
    if changed:
        config.write_text(json.dumps(values, indent=2) + "\n")
