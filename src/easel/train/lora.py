"""A LoRA on the starter model: a style of drawing, learned from restyled drawings of the same world.

Beside the frozen weights of the U-Net's linear layers (attention, feed-forward, and what scales and shifts each
residual block) stand products of two thin matrices; only these are trained, with the objective of the denoiser, and
saved in PEFT's layout, which diffusers' `load_lora_weights` and Easel's engine read.

    Hu et al. 2021, arXiv:2106.09685
"""

import hashlib
import random
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save_file
from tqdm import tqdm
from transformers import CLIPTextModel, CLIPTokenizer

from easel.domain.errors import InvalidRequest
from easel.train import schedule, text_encoder, world
from easel.train import tokenizer as tokens
from easel.train.autoencoder import factor, pictures
from easel.train.captions import caption
from easel.train.checkpoint import append_log, finished, write_json
from easel.train.styles import STYLES, Style

WEIGHTS = "adapter_model.safetensors"
TARGETS = (
    "to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2", "proj_in", "proj_out", "time_emb_proj",
)  # fmt: skip


@dataclass(frozen=True)
class Recipe:
    style: str = "pixelated"
    minutes: float = 5.0
    steps: int = -1  # a number of steps instead of minutes, where -1 means: go by the clock
    rank: int = 8
    rate: float = 3e-3
    batch: int = 16
    pictures: int = 400
    dropout: float = 0.1  # captions replaced by the empty one, so that the style does not hang on guidance
    seed: int = 1


class LowRank(torch.nn.Module):
    """A frozen linear layer and the product beside it, which starts as zero."""

    def __init__(self, base: torch.nn.Linear, rank: int) -> None:
        super().__init__()
        self.base = base
        self.down = torch.nn.Parameter(torch.randn(rank, base.in_features) / base.in_features**0.5)
        self.up = torch.nn.Parameter(torch.zeros(base.out_features, rank))

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        return self.base(states) + states @ self.down.T @ self.up.T


def adapt(network: UNet2DConditionModel, rank: int) -> dict[str, LowRank]:
    """Freeze the network and put a LowRank around each of its linear layers that TARGETS names."""
    network.requires_grad_(False)
    found = {
        name: module
        for name, module in network.named_modules()
        if isinstance(module, torch.nn.Linear) and name.endswith(TARGETS)
    }
    adapted = {}
    for name, module in found.items():
        parent, _, last = name.rpartition(".")
        adapted[name] = LowRank(module, rank)
        setattr(network.get_submodule(parent), last, adapted[name])
    return adapted


def train(out: Path, model: Path, recipe: Recipe) -> Path:
    """Teach the folder `model` a style and write the adapter into the folder `out`. Returns the adapter's file."""
    if recipe.style not in STYLES:
        raise InvalidRequest("style", f"There is no style {recipe.style!r}: there are {', '.join(STYLES)}.")
    network = UNet2DConditionModel.from_pretrained(finished(model / "unet", "export").parent, subfolder="unet")
    torch.manual_seed(recipe.seed)
    adapted = adapt(network, recipe.rank)
    parameters = [parameter for layer in adapted.values() for parameter in (layer.down, layer.up)]
    optimizer = torch.optim.AdamW(parameters, lr=recipe.rate, betas=(0.9, 0.98), weight_decay=0.0, fused=True)
    latents, states, empty = examples(model, recipe)
    alpha, sigma = (table[:, None, None, None] for table in schedule.tables())
    torch_draw = torch.Generator().manual_seed(recipe.seed)

    began, step, smooth = time.monotonic(), 0, None
    bar = tqdm(total=recipe.steps if recipe.steps > 0 else None, mininterval=10, unit="step")
    while True:
        done = step / recipe.steps if recipe.steps > 0 else (time.monotonic() - began) / 60 / recipe.minutes
        if done >= 1:
            break
        rows = torch.randint(0, len(latents), (recipe.batch,), generator=torch_draw)
        dropped = torch.rand(recipe.batch, generator=torch_draw) < recipe.dropout
        text = torch.where(dropped[:, None, None], empty, states[rows])
        times = schedule.stratified_times(recipe.batch, torch_draw)
        noise = torch.randn(latents[rows].shape, generator=torch_draw)
        a, s = alpha[times], sigma[times]
        made = network(a * latents[rows] + s * noise, times, text).sample
        loss = (made - (a * noise - s * latents[rows])).square().mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate * min(1.0, (step + 1) / 20) * max(0.02, 1 - done)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        step += 1
        value = float(loss.detach())
        smooth = value if smooth is None else 0.95 * smooth + 0.05 * value
        bar.update()
        bar.set_postfix(loss=f"{smooth:.4f}", refresh=False)
        if step % 10 == 0 or 0 < recipe.steps <= 100:
            append_log(out / "log.jsonl", {"step": step, "loss": value, "smooth": smooth})
    bar.close()
    trained = {"steps": step, "minutes": (time.monotonic() - began) / 60, "loss": smooth, "recipe": asdict(recipe)}
    write_json(out / "training.json", trained)
    return save(out, adapted, model, recipe, step)


@torch.no_grad()
def examples(model: Path, recipe: Recipe) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Latents of restyled drawings, the states of a caption of each, and those of the empty caption."""
    autoencoder = AutoencoderKL.from_pretrained(model, subfolder="vae")
    encoder = CLIPTextModel.from_pretrained(model, subfolder="text_encoder")
    vocabulary = CLIPTokenizer.from_pretrained(model / "tokenizer")
    style, rng = STYLES[recipe.style], random.Random(f"captions of {recipe.style} {recipe.seed}")
    seeds = [recipe.seed * 1_000_000 + i for i in range(recipe.pictures)]
    latents = torch.cat([_restyled(autoencoder, style, seeds[i : i + 10]) for i in range(0, len(seeds), 10)])
    texts = ["", *(caption(world.scene(seed), rng).text for seed in seeds)]
    ids = torch.tensor(tokens.encode(vocabulary, texts))
    states = torch.cat([text_encoder.embed(encoder, ids[i : i + 100]) for i in range(0, len(ids), 100)])
    return latents * autoencoder.config.scaling_factor, states[1:], states[0]


def _restyled(autoencoder: AutoencoderKL, style: Style, seeds: list[int]) -> torch.Tensor:
    drawn = pictures(seeds, autoencoder.config.sample_size)
    return autoencoder.encode(style(drawn, factor(autoencoder))).latent_dist.mode()


def save(out: Path, adapted: dict[str, LowRank], model: Path, recipe: Recipe, steps: int) -> Path:
    """One safetensors file in fp16 that says what it is, for which weights, and how it came about."""
    tensors = {}
    for name, layer in adapted.items():
        tensors[f"unet.{name}.lora_A.weight"] = layer.down.detach().half().contiguous()
        tensors[f"unet.{name}.lora_B.weight"] = layer.up.detach().half().contiguous()
    base = model / "unet" / "diffusion_pytorch_model.safetensors"
    out.mkdir(parents=True, exist_ok=True)
    save_file(tensors, out / WEIGHTS, metadata={
        "format": "pt",
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.architecture": "easel-starter/lora",
        "modelspec.title": f"easel-{recipe.style}",
        "modelspec.author": "Easel",
        "modelspec.license": "Apache-2.0",
        "modelspec.date": datetime.now(UTC).date().isoformat(),
        "modelspec.description": f"Draws the starter model's world {recipe.style}: the style changes, not the content.",
        "modelspec.prediction_type": "v",
        "easel.base_model": "easel-starter",
        "easel.base_sha256": hashlib.sha256(base.read_bytes()).hexdigest(),
        "easel.rank": str(recipe.rank),
        "easel.alpha": str(recipe.rank),
        "easel.steps": str(steps),
        "easel.style": recipe.style,
    })  # fmt: skip
    (out / WEIGHTS).chmod(0o644)
    return out / WEIGHTS


def distance(made: list[np.ndarray], style: str, grid: int) -> float:
    """How far pictures of bytes are from a style: the mean difference, in levels of 255, to themselves restyled."""
    batch = torch.from_numpy(np.stack(made)).permute(0, 3, 1, 2).float()
    return float((STYLES[style](batch, grid) - batch).abs().mean())
