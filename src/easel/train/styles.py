"""Styles of drawing that an adapter can be taught: they change how a picture looks, not what it shows."""

from collections.abc import Callable
from typing import Final

import torch
import torch.nn.functional as F

Style = Callable[[torch.Tensor, int], torch.Tensor]
"""A picture or a batch of them (..., 3, height, width) and the side of a latent in pixels -> the same shape."""


def pixelated(picture: torch.Tensor, grid: int) -> torch.Tensor:
    """Squares of one colour each, as many as there are latents: the finest that an autoencoder can keep sharp."""
    squares = F.avg_pool2d(picture, grid)
    return squares.repeat_interleave(grid, -2).repeat_interleave(grid, -1)


STYLES: Final[dict[str, Style]] = {"pixelated": pixelated}
