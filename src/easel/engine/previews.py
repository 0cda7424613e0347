"""Small pictures of what is still latents: one linear map from a latent's channels to the colour of its pixels.

The map is fitted to each autoencoder once, when its first preview is asked for, by least squares on what it decodes
flat patches of random latents to. The same autoencoder gets the same map.
"""

from dataclasses import dataclass

import torch

from easel.engine.events import Image
from easel.engine.families.base import LoadedAutoencoder

SIDE = 16
"""Patches along each side of the latents that the map is fitted to: 256 colours for a handful of unknowns."""

PATCH = 2
"""Latents along each side of a patch: a single one is decoded to texture, an even surface to its colour."""

SPREAD = 0.7
"""Of the patches: further out a decoder's colours are cut off at black and white, which bends the map."""

RIDGE = 1e-3
"""Keeps a channel that no colour depends on from being given weight."""


@dataclass(frozen=True, slots=True, eq=False)
class PreviewMap:
    weights: torch.Tensor
    """channels + 1 x 3; the last row is the colour of nothing."""

    @property
    def bytes(self) -> int:
        return self.weights.nbytes

    @classmethod
    def fit(cls, autoencoder: LoadedAutoencoder, device: torch.device) -> "PreviewMap":
        channels = autoencoder.latent_shape(64, 64)[0]
        patches = SPREAD * torch.randn((channels, SIDE, SIDE), generator=torch.Generator().manual_seed(0))
        latents = patches.repeat_interleave(PATCH, 1).repeat_interleave(PATCH, 2)
        pixels = autoencoder.decode(latents.to(device)).cpu()
        span = PATCH * autoencoder.pixels
        colours = pixels.view(SIDE, span, SIDE, span, 3).mean(dim=(1, 3)).reshape(-1, 3)
        inputs = torch.cat([patches.reshape(channels, -1).T, torch.ones((SIDE * SIDE, 1))], dim=1)
        # In float64, where the normal equations of so few unknowns are exact enough.
        a, b = inputs.double(), colours.double()
        ridge = RIDGE * len(a) * torch.eye(channels + 1, dtype=torch.float64)
        return cls(torch.linalg.solve(a.T @ a + ridge, a.T @ b).float().to(device))

    def show(self, latents: torch.Tensor) -> Image:
        """channels x h x w -> h x w x 3. What is not a number is shown black."""
        colours = torch.einsum("chw,ck->hwk", latents, self.weights[:-1]) + self.weights[-1]
        return (colours.nan_to_num(0, 0, 0).clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()
