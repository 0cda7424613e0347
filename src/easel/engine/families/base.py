"""What a family offers the runner once its weights are in memory."""

from dataclasses import dataclass
from typing import Protocol

import torch


@dataclass(frozen=True, slots=True, eq=False)
class Conditioning:
    """A text as the network reads it: tokens x width. `cut` is the end of the text that did not fit, if any."""

    states: torch.Tensor
    cut: str | None

    @property
    def bytes(self) -> int:
        return self.states.nbytes


class LoadedFamily(Protocol):
    """One checkpoint's networks. All tensors in and out are on the runner's device; latents and answers are float32."""

    @property
    def bytes(self) -> int:
        """Memory that the weights take."""
        ...

    def latent_shape(self, width: int, height: int) -> tuple[int, int, int]:
        """Channels, rows and columns of a picture's latents."""
        ...

    def encode(self, text: str) -> Conditioning:
        """One text, alone: what it becomes must not depend on what else is encoded."""
        ...

    def predict(self, latents: torch.Tensor, timesteps: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
        """The network call. rows x channels x h x w, rows, rows x tokens x width -> rows x channels x h x w."""
        ...

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """channels x h x w -> height x width x 3, from 0 to 1."""
        ...
