"""Guided DDIM on latents (Song et al. 2020, arXiv:2010.02502), for what the trainer draws itself."""

from typing import Final

import torch
from diffusers import UNet2DConditionModel

from easel.train import schedule

GUIDANCE: Final = 4.0
STRIDE: Final = 40  # of the schedule's thousand times: as a drawing of 25 steps


@torch.no_grad()
def denoised(
    network: UNet2DConditionModel, latents: torch.Tensor, level: int, states: torch.Tensor, empty: torch.Tensor
) -> torch.Tensor:
    """Latents (rows, channels, side, side) brought down from `level`, which is a multiple of STRIDE, with the captions'
    states (rows, tokens, width) and the empty caption's (tokens, width)."""
    alpha, sigma = (table.to(latents.device) for table in _levels())
    both = torch.cat([empty.expand_as(states), states])
    for now in range(level, 0, -STRIDE):
        without, asked = network(torch.cat([latents, latents]), now - 1, both).sample.chunk(2)
        v = without + GUIDANCE * (asked - without)
        clean, noise = alpha[now] * latents - sigma[now] * v, sigma[now] * latents + alpha[now] * v
        latents = alpha[now - STRIDE] * clean + sigma[now - STRIDE] * noise
    return latents


def _levels() -> tuple[torch.Tensor, torch.Tensor]:
    """alpha and sigma from level 0, which is the picture, to 1000, which is noise."""
    alpha, sigma = schedule.tables()
    return torch.cat([torch.ones(1), alpha]), torch.cat([torch.zeros(1), sigma])
