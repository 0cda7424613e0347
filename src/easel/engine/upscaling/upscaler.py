"""A super-resolution network at work: loaded once, run in tiles, brought to the size that was asked."""

import threading
from dataclasses import dataclass
from typing import Final, Self

import torch
from torch import nn

from easel.domain.errors import InvalidRequest
from easel.engine.reading import Form, read_tensors
from easel.engine.request import Pixels, WeightsFile
from easel.engine.upscaling.layout import open_upscaler
from easel.engine.upscaling.networks import network_of
from easel.kit.resample import resample

TILE: Final = 192
"""Pixels along a side of what the network sees at once, but for the margin: its memory grows with the picture."""
MARGIN: Final = 16
"""Pixels around a tile that the network sees and that are cut off afterwards, so that no seam shows."""
GRAIN: Final = 4
"""The sides of what a network sees are multiples of this: it may fold so many pixels into one."""


@dataclass(frozen=True, slots=True, eq=False)
class Upscaler:
    """Pictures must come one at a time."""

    network: nn.Module
    factor: int
    device: torch.device
    tile: int = TILE

    @classmethod
    def load(cls, weights: WeightsFile, device: torch.device) -> Self:
        """Raises InvalidRequest, naming `upscaler`, for a file that is no upscaler."""
        found = open_upscaler(weights.file)
        tensors = read_tensors(found.header, found.header.tensors, Form(dtype=torch.float32, channels_last=True))
        with torch.device("meta"):
            network = network_of(found.network)
        try:
            network.load_state_dict(tensors, assign=True)
        except RuntimeError:
            raise InvalidRequest("upscaler", f"{weights.file} lacks tensors of its network, or has others.") from None
        return cls(network.to(device).eval().requires_grad_(False), found.network.factor, device)

    @torch.inference_mode()
    def enlarge(self, picture: Pixels, width: int, height: int) -> Pixels:
        """By the network as often as needed for the size, then resampled to it."""
        found = torch.tensor(picture).permute(2, 0, 1)[None].float() / 255
        while self.factor > 1 and (found.shape[3] < width or found.shape[2] < height):
            found = self._once(found)
        pixels = (found[0].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
        return resample(pixels, width, height)

    def _once(self, picture: torch.Tensor) -> torch.Tensor:
        _, _, height, width = picture.shape
        whole = torch.empty(1, 3, height * self.factor, width * self.factor)
        for top in range(0, height, self.tile):
            for left in range(0, width, self.tile):
                bottom, right = min(top + self.tile, height), min(left + self.tile, width)
                above, before = min(MARGIN, top), min(MARGIN, left)
                seen = picture[:, :, top - above : bottom + MARGIN, left - before : right + MARGIN]
                tile = self.network(_padded(seen).to(self.device)).clamp(0, 1).cpu()
                rows = slice(above * self.factor, (above + bottom - top) * self.factor)
                columns = slice(before * self.factor, (before + right - left) * self.factor)
                whole[:, :, top * self.factor : bottom * self.factor, left * self.factor : right * self.factor] = tile[
                    :, :, rows, columns
                ]
        return whole


class Upscalers:
    """The upscaler that was used last stays in memory. May be called from any thread."""

    def __init__(self, device: str) -> None:
        """`device`: `cpu` or `cuda`."""
        self._device = torch.device(device)
        self._lock = threading.Lock()
        self._loaded: tuple[WeightsFile, Upscaler] | None = None

    def __call__(self, weights: WeightsFile, picture: Pixels, width: int, height: int) -> Pixels:
        """Raises InvalidRequest for a file that is no upscaler, and MemoryError."""
        with self._lock:
            if self._loaded is None or self._loaded[0] != weights:
                self._loaded = None  # room first
                self._loaded = (weights, Upscaler.load(weights, self._device))
            try:
                return self._loaded[1].enlarge(picture, width, height)
            except torch.OutOfMemoryError:
                raise MemoryError from None


def _padded(picture: torch.Tensor) -> torch.Tensor:
    """With its last rows and columns repeated until both sides are multiples of GRAIN."""
    _, _, height, width = picture.shape
    return nn.functional.pad(picture, (0, -width % GRAIN, 0, -height % GRAIN), mode="replicate")
