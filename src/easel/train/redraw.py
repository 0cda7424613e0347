"""True pictures in the denoiser's hand, for the decoder to learn from.

A decoder that has only seen latents of drawings shows every wobble of the denoiser's. So pictures of the cache get
noise up to some middle level and are denoised again, with their captions and with guidance, as pictures are drawn
(Meng et al. 2021, arXiv:2108.01073): they stay what they were and where they were, but their edges are the denoiser's.
What the decoder then learns is to draw the true picture from them.
"""

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch

from easel.domain.errors import InvalidRequest
from easel.train import parallel
from easel.train.data import Cache
from easel.train.denoiser import load_average
from easel.train.sampling import STRIDE, denoised, noised

DEEPEST: Final = 9  # strides back into the noise, at most: places are still seen there (layout.LAYOUT_SEEN)
_ROWS: Final = 20


@dataclass(frozen=True)
class Redrawn:
    """The seeds of pictures, and their latents as the denoiser made them (count, channels, side, side)."""

    seeds: np.ndarray
    latents: np.ndarray

    @classmethod
    def load(cls, folder: Path) -> "Redrawn":
        parts = [np.load(path) for path in sorted(folder.glob("*.npz"))]
        if not parts:
            raise InvalidRequest("redrawn", f"There is nothing in {folder}: run `easel train redraw` first.")
        return cls(*(np.concatenate([part[name] for part in parts]) for name in ("seeds", "latents")))

    def some(self, count: int, rng: random.Random) -> tuple[list[int], torch.Tensor]:
        chosen = [rng.randrange(len(self.seeds)) for _ in range(count)]
        return self.seeds[chosen].tolist(), torch.from_numpy(self.latents[chosen]).float()


def make(out: Path, run: Path, cache: Path, count: int, *, processes: int = 1) -> None:
    """Write `count` pictures that the averaged denoiser of `run` has redrawn to the folder `out`."""
    Cache(cache).grow(1)
    parallel.launch(_make, processes, out, run, cache, count)


@torch.no_grad()
def _make(rank: int, processes: int, out: Path, run: Path, cache_folder: Path, count: int) -> None:
    network, _ = load_average(run)
    network.eval()
    cache = Cache(cache_folder)
    cache.grow()
    rng = np.random.default_rng((11, rank))
    noise = torch.Generator().manual_seed(rank)
    seeds, latents = [], []
    for done in range(0, -(-count // processes), _ROWS):
        chosen, true, states = cache.some(_ROWS, rng)
        level = STRIDE * (1 + (done // _ROWS) % DEEPEST)
        seeds.append(chosen)
        latents.append(denoised(network, noised(true, level, noise), level, states, cache.empty).half().numpy())
    out.mkdir(parents=True, exist_ok=True)
    np.savez(out / f"{rank:02d}.npz", seeds=np.concatenate(seeds), latents=np.concatenate(latents))
