"""What a family offers the runner once its weights are in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch

from easel.engine.adapters.adaptable import Adaptable

NOTHING = torch.zeros(0)


@dataclass(frozen=True, slots=True, eq=False)
class Conditioning:
    """A text as a network reads it. Several texts' tensors stack, whatever the texts."""

    states: torch.Tensor
    """tokens x width."""
    pooled: torch.Tensor = field(default=NOTHING)
    """width: the text as a whole, for a family whose network asks for it."""
    cut: str | None = None
    """The end of the text that did not fit."""

    @property
    def bytes(self) -> int:
        return self.states.nbytes + self.pooled.nbytes


class LoadedAutoencoder(Protocol):
    """What stands between latents and pixels. Tensors are on the runner's device and float32, one picture at a time."""

    @property
    def pixels(self) -> int:
        """Along each side, that one latent stands for."""
        ...

    def latent_shape(self, width: int, height: int) -> tuple[int, int, int]:
        """Channels, rows and columns of a picture's latents."""
        ...

    def encode(self, picture: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """height x width x 3, from 0 to 1 -> channels x h x w. `noise` is a unit Gaussian of the latents' shape."""
        ...

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """channels x h x w -> height x width x 3, from 0 to 1."""
        ...


class LoadedFamily(Protocol):
    """One checkpoint's networks. All tensors in and out are on the runner's device; latents and answers are float32."""

    @property
    def adaptable(self) -> Adaptable:
        """Where its networks take adapters."""
        ...

    @property
    def bytes(self) -> int:
        """Memory that the weights take."""
        ...

    @property
    def autoencoder(self) -> LoadedAutoencoder: ...

    @property
    def reads_mask(self) -> bool:
        """Whether the network was trained to inpaint: beside latents it is given a mask and the masked picture's."""
        ...

    def encode(self, text: str) -> Conditioning:
        """One text, alone: what it becomes must not depend on what else is encoded."""
        ...

    def predict(
        self,
        latents: torch.Tensor,
        timesteps: torch.Tensor,
        conditionings: Sequence[Conditioning],
        factors: torch.Tensor,
    ) -> torch.Tensor:
        """The network call, one conditioning a row. rows x channels x h x w, rows -> rows x channels x h x w.

        `factors` are those of the rows' adapters: AdapterShelf.factors, or `adaptable.no_factors`.

        A network that reads a mask is given 2 x channels + 1: latents, mask, and the masked picture's latents.
        """
        ...
