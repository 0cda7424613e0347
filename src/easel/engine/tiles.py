"""An autoencoder on a large picture: in overlapping tiles, whose seams are blended.

Its memory grows with the picture, and one of its layers alone may pass what a kernel can count. A tile is more than
twice as wide as what a decoder's convolutions reach, so that tiles differ from the whole in what is global alone: the
group norms' statistics and the middle attention.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import torch

from easel.engine.families.base import LoadedAutoencoder


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiling:
    """Which pictures are taken in tiles, and in which. All in pixels."""

    largest_whole: int = 1536 * 1536
    """Above it a Stable Diffusion decoder takes more than 7 GiB in float32."""
    side: int = 768
    overlap: int = 192


TILING = Tiling()

ALWAYS = Tiling(largest_whole=0)


def encode(
    autoencoder: LoadedAutoencoder, picture: torch.Tensor, noise: torch.Tensor, tiling: Tiling = TILING
) -> torch.Tensor:
    """As the autoencoder's own `encode`, in tiles for a large picture."""
    height, width, _ = picture.shape
    if height * width <= tiling.largest_whole:
        return autoencoder.encode(picture, noise)
    channels, down, across = noise.shape
    whole = _Blend((down, across, channels), picture.device)
    scale = autoencoder.pixels
    for rows, columns in grid(down, across, scale, tiling):
        shown = picture[_times(rows, scale), _times(columns, scale)]
        latents = autoencoder.encode(shown, noise[:, rows, columns])
        whole.add(rows, columns, latents.permute(1, 2, 0), tiling.overlap // scale)
    return whole.mean().permute(2, 0, 1)


def decode(autoencoder: LoadedAutoencoder, latents: torch.Tensor, tiling: Tiling = TILING) -> torch.Tensor:
    """As the autoencoder's own `decode`, but on the CPU; in tiles for a large picture."""
    scale = autoencoder.pixels
    _, down, across = latents.shape
    if down * across * scale**2 <= tiling.largest_whole:
        return autoencoder.decode(latents).cpu()
    whole = _Blend((down * scale, across * scale, 3), torch.device("cpu"))
    for rows, columns in grid(down, across, scale, tiling):
        pixels = autoencoder.decode(latents[:, rows, columns]).cpu()
        whole.add(_times(rows, scale), _times(columns, scale), pixels, tiling.overlap)
    return whole.mean()


def grid(rows: int, columns: int, scale: int, tiling: Tiling) -> Iterator[tuple[slice, slice]]:
    """The tiles of rows x columns latents, row by row."""
    side, overlap = tiling.side // scale, tiling.overlap // scale
    return product(_cuts(rows, side, overlap), _cuts(columns, side, overlap))


def _cuts(side: int, tile: int, overlap: int) -> list[slice]:
    """Stretches of `tile` that overlap by `overlap`, the last one by more: it ends where the side does."""
    last = max(side - tile, 0)
    starts = [*range(0, last, tile - overlap), last]
    return [slice(start, min(start + tile, side)) for start in starts]


def _times(cut: slice, scale: int) -> slice:
    return slice(cut.start * scale, cut.stop * scale)


class _Blend:
    """The weighted mean of tiles; a weight falls off towards its tile's edges."""

    def __init__(self, shape: tuple[int, int, int], device: torch.device) -> None:
        self._sum = torch.zeros(shape, device=device)
        self._weight = torch.zeros((*shape[:2], 1), device=device)

    def add(self, rows: slice, columns: slice, tile: torch.Tensor, overlap: int) -> None:
        weight = _ramp(rows, overlap).view(-1, 1, 1) * _ramp(columns, overlap).view(1, -1, 1)
        weight = weight.to(tile.device)
        self._sum[rows, columns] += weight * tile
        self._weight[rows, columns] += weight

    def mean(self) -> torch.Tensor:
        return self._sum / self._weight


def _ramp(cut: slice, overlap: int) -> torch.Tensor:
    """From almost nothing at both ends to 1 where no other tile reaches. At the picture's edge it cancels out."""
    steps = torch.arange(cut.stop - cut.start, dtype=torch.float32)
    to_the_edge = torch.minimum(steps, steps.flip(0)) + 0.5
    return (to_the_edge / overlap).clamp(max=1.0)
