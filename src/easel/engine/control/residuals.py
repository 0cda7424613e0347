"""What ControlNets add inside a network: one number for every number that its first half hands on to the second.

On their way to the network a row's residuals are one row of a matrix, one residual after the other and channels last
within each. So a call has one input more, whatever the network's depth, and rows of different ControlNets, of several
and of none add up: a row that none steers has zeros, and a call in which no row is steered an empty matrix.
"""

from collections.abc import Sequence
from typing import Any

import torch


def residual_shapes(settings: Any, height: int, width: int) -> list[tuple[int, int, int]]:
    """Channels, rows and columns of each, for latents of so many rows and columns; the middle block's comes last.

    `settings` are those of the network or of a ControlNet for it.
    """
    channels: Sequence[int] = settings.block_out_channels
    layers: int | Sequence[int] = settings.layers_per_block
    counts = [layers] * len(channels) if isinstance(layers, int) else layers
    shapes = [(channels[0], height, width)]
    for level, (width_of, count) in enumerate(zip(channels, counts, strict=True)):
        shapes += [(width_of, height, width)] * count
        if level < len(channels) - 1:
            height, width = -(-height // 2), -(-width // 2)
            shapes.append((width_of, height, width))
    return [*shapes, (channels[-1], height, width)]


def joined(residuals: Sequence[torch.Tensor], shapes: Sequence[tuple[int, int, int]]) -> torch.Tensor:
    """rows x channels x h x w each -> rows x all of their numbers. What was pooled to one pixel is said at each."""
    return torch.cat(
        [
            residual.expand(-1, *shape).permute(0, 2, 3, 1).flatten(1)
            for residual, shape in zip(residuals, shapes, strict=True)
        ],
        dim=1,
    )


def parted(residuals: torch.Tensor, shapes: Sequence[tuple[int, int, int]]) -> list[torch.Tensor]:
    """The way back."""
    parts = residuals.split([channels * height * width for channels, height, width in shapes], dim=1)
    return [
        part.view(-1, height, width, channels).permute(0, 3, 1, 2)
        for part, (channels, height, width) in zip(parts, shapes, strict=True)
    ]


def steering(unet: Any, latents: torch.Tensor, residuals: torch.Tensor) -> dict[str, Any]:
    """`residuals` as diffusers' U-Net takes them; nothing when there are none."""
    if not residuals.shape[1]:
        return {}
    *down, middle = parted(residuals, residual_shapes(unet.config, *latents.shape[-2:]))
    return {"down_block_additional_residuals": tuple(down), "mid_block_additional_residual": middle}


def no_residuals(latents: torch.Tensor) -> torch.Tensor:
    """What a call is given in which no row is steered."""
    return latents.new_zeros((1, 0))
