"""The cache: pictures as latents and captions as text states, computed once, in shards of a thousand.

The encoders are frozen by now, so a training step only has to run the denoiser. Shards may be added while training
runs; the trainer looks for new ones whenever it saves a checkpoint.
"""

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from transformers import CLIPTextModel, CLIPTokenizer

from easel.domain.errors import InvalidRequest
from easel.train import text_encoder, world
from easel.train import tokenizer as tokens
from easel.train.autoencoder import pictures
from easel.train.captions import caption
from easel.train.checkpoint import finished, write_json
from easel.train.layout import labels
from easel.train.parallel import launch

SHARD = 1000
CAPTIONS = 3
CATEGORIES = tuple(world.DEFAULT_MIX)


def make(
    out: Path,
    autoencoder: Path,
    encoder: Path,
    shards: int,
    *,
    resolution: int = 128,
    processes: int = 1,
    first: int = 0,
) -> None:
    """Write the shards that are still missing. Shard i holds the scenes of seeds i*1000 to i*1000+999."""
    finished(autoencoder, "autoencoder")
    finished(encoder, "text-encoder")
    launch(_make, processes, out, autoencoder, encoder, shards, resolution, first)


@torch.no_grad()
def _make(
    rank: int, processes: int, out: Path, autoencoder: Path, encoder: Path, shards: int, resolution: int, first: int
) -> None:
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    vae = AutoencoderKL.from_pretrained(autoencoder)
    text = CLIPTextModel.from_pretrained(encoder)
    vocabulary = CLIPTokenizer.from_pretrained(encoder / "tokenizer")
    if rank == 0:
        empty = text_encoder.embed(text, torch.tensor(tokens.encode(vocabulary, [""])))[0]
        np.save(out / "empty.npy", empty.half().numpy())
        write_json(
            out / "cache.json",
            {"resolution": resolution, "captions": CAPTIONS, "scaling_factor": vae.config.scaling_factor},
        )
    for shard in range(first + rank, first + shards, processes):
        path = out / f"{shard:05d}.latents.npy"
        seeds = list(range(shard * SHARD, (shard + 1) * SHARD))
        if path.exists():
            if not _beside(path, "labels").exists():  # a shard from before there were any
                _label(path, seeds, np.load(path, mmap_mode="r").shape[-1])
            continue
        latents = [vae.encode(pictures(seeds[i : i + 20], resolution)).latent_dist.mode() for i in range(0, SHARD, 20)]
        rng = random.Random(f"captions {shard}")
        said = [caption(world.scene(seed), rng).text for seed in seeds for _ in range(CAPTIONS)]
        ids = torch.tensor(tokens.encode(vocabulary, said))
        states = torch.cat([text_encoder.embed(text, ids[i : i + 100]).half() for i in range(0, len(ids), 100)])
        np.save(out / f"{shard:05d}.states.npy", states.view(SHARD, CAPTIONS, *states.shape[1:]).numpy())
        # The latents come after them: a shard without latents is not yet there.
        np.save(
            out / f"{shard:05d}.categories.npy", np.array([CATEGORIES.index(world.category(seed)) for seed in seeds])
        )
        _label(path, seeds, latents[0].shape[-1])
        partial = out / f"{shard:05d}.partial.npy"
        np.save(partial, (torch.cat(latents) * vae.config.scaling_factor).half().numpy())
        partial.rename(path)


def _label(latents: Path, seeds: list[int], side: int) -> None:
    """Keep what stands where in the pictures of these seeds, beside their latents."""
    np.save(_beside(latents, "labels"), np.stack([labels(world.scene(seed), side) for seed in seeds]))


def _beside(latents: Path, name: str) -> Path:
    return latents.with_name(latents.name.replace("latents", name))


@dataclass
class Batch:
    latents: torch.Tensor
    states: torch.Tensor  # (rows, LENGTH, WIDTH): the caption's, or the empty caption's
    labels: torch.Tensor  # (rows, 2, side, side): see layout.labels


class Cache:
    """Read-only and memory-mapped: the operating system keeps what is used."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not (folder / "empty.npy").exists():
            raise _no_pictures(folder)
        self.empty = torch.from_numpy(np.load(folder / "empty.npy")).float()
        self.latents: list[np.ndarray] = []
        self.states: list[np.ndarray] = []
        self.labels: list[np.ndarray] = []
        self.categories: list[np.ndarray] = []  # for each category, the numbers of its pictures

    def shape(self) -> dict[str, int]:
        """What a network for these latents and texts has to be built for."""
        self.grow(1)
        _, channels, side, _ = self.latents[0].shape
        return {"latent_channels": channels, "side": side, "text_width": self.empty.shape[1]}

    def grow(self, limit: int | None = None) -> int:
        """Take in the shards found, at most `limit` (the number that a resumed run had). Returns how many there are."""
        names = sorted(self.folder.glob("*.latents.npy"))[:limit]
        for path in names[len(self.latents) :]:
            self.latents.append(np.load(path, mmap_mode="r"))
            self.states.append(np.load(_beside(path, "states"), mmap_mode="r"))
            if not _beside(path, "labels").exists():
                raise InvalidRequest(
                    "run", f"{path.name} has no labels beside it: run `easel train cache` again, which adds them."
                )
            self.labels.append(np.load(_beside(path, "labels"), mmap_mode="r"))
        if self.latents:
            kinds = np.concatenate([np.load(_beside(path, "categories")) for path in names])
            self.categories = [np.nonzero(kinds == i)[0] for i in range(len(CATEGORIES))]
        else:
            raise _no_pictures(self.folder)
        return len(self.latents)

    def batch(self, rows: int, dropout: float, rng: np.random.Generator, mix: world.Mix | None = None) -> Batch:
        """Any pictures with any of their captions; a share of the captions is dropped, which guidance needs.

        `mix` draws the categories in other shares than the world did.
        """
        latents, states, said = [], [], []
        shares = np.array([(mix or world.DEFAULT_MIX).get(name, 0.0) for name in CATEGORIES])
        for category in rng.choice(len(CATEGORIES), rows, p=shares / shares.sum()):
            shard, row = divmod(int(rng.choice(self.categories[category])), SHARD)
            latents.append(torch.from_numpy(np.array(self.latents[shard][row])))
            said.append(torch.from_numpy(np.array(self.labels[shard][row])))
            which = int(rng.integers(0, CAPTIONS))
            dropped = rng.random() < dropout
            states.append(self.empty if dropped else torch.from_numpy(np.array(self.states[shard][row, which])).float())
        return Batch(torch.stack(latents).float(), torch.stack(states), torch.stack(said))


def check_mix(mix: world.Mix) -> None:
    """Raises InvalidRequest for categories that the world does not have, and shares that cannot be drawn from."""
    strangers = ", ".join(name for name in mix if name not in CATEGORIES)
    if strangers:
        raise InvalidRequest("mix", f"The world has no category {strangers}: it has {', '.join(CATEGORIES)}.")
    if min(mix.values()) < 0 or sum(mix.values()) <= 0:
        raise InvalidRequest("mix", "The shares of a mix must be 0 or more, and one of them more than 0.")


def _no_pictures(folder: Path) -> InvalidRequest:
    return InvalidRequest("run", f"There are no pictures in {folder}: run `easel train cache` first.")
