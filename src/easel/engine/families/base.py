"""What a family offers the runner once its weights are in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import torch

from easel.domain.prompt import Reading
from easel.engine.adapters.adaptable import Adaptable
from easel.engine.backends.base import Network, Opened, Tensors
from easel.engine.prompts.chunks import Chunks
from easel.engine.prompts.embeddings import Embedding
from easel.engine.request import WeightsFile

NOTHING = torch.zeros(0)


@dataclass(frozen=True, slots=True, eq=False)
class Conditioning:
    """A text as a network reads it. Texts of one length stack, whatever the texts."""

    states: torch.Tensor
    """tokens x width."""
    pooled: torch.Tensor = field(default=NOTHING)
    """width: the text as a whole, for a family whose network asks for it."""

    @property
    def bytes(self) -> int:
        return self.states.nbytes + self.pooled.nbytes


class Texts(Protocol):
    """A family's way from text to chunks."""

    def chunks(self, reading: Reading, embeddings: Mapping[WeightsFile, Embedding]) -> list[Chunks]:
        """What the family's text encoders read, call by call; one at the least."""
        ...

    def spelled(self, chunks: Sequence[Chunks]) -> str:
        """The text of the chunks, for people."""
        ...

    def load_embedding(self, file: WeightsFile) -> Embedding:
        """Raises InvalidRequest, naming `embeddings_model`, for one that was made for other encoders."""
        ...


class LoadedAutoencoder(Protocol):
    """What stands between latents and pixels. Tensors are on the runner's device and float32, one picture at a time."""

    decoder: Network
    """What `decode` calls; whoever loads the autoencoder may put another way to run it in its place."""

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

    network: Opened
    """What `predict` calls: adapters' factors, then latents, timesteps, states and whatever else the family has, and
    last, where it takes them, what ControlNets add.

    Whoever loads the family may put another way to run it in its place.
    """

    @property
    def adaptable(self) -> Adaptable:
        """Where its networks take adapters."""
        ...

    @property
    def bytes(self) -> int:
        """Memory that the weights take."""
        ...

    @property
    def text(self) -> Texts: ...

    @property
    def autoencoder(self) -> LoadedAutoencoder: ...

    @property
    def reads_mask(self) -> bool:
        """Whether the network was trained to inpaint: beside latents it is given a mask and the masked picture's."""
        ...

    def encode(self, chunks: Chunks, embeddings: Mapping[WeightsFile, Embedding], clip_skip: int) -> Conditioning:
        """One part of a text, alone: what it becomes must not depend on what else is encoded.

        `clip_skip` 1 reads the layer that the checkpoint was trained with, 2 the one before it. Raises InvalidRequest,
        naming `clip_skip`, for a layer that there is not.
        """
        ...

    def predict(
        self,
        latents: torch.Tensor,
        timesteps: torch.Tensor,
        conditionings: Sequence[Conditioning],
        factors: torch.Tensor,
    ) -> torch.Tensor:
        """The network call, one conditioning a row. rows x channels x h x w, rows -> rows x channels x h x w.

        Texts of unlike length are made alike by `prompts.lengths.stacked`.

        `factors` are those of the rows' adapters: AdapterShelf.factors, or `adaptable.no_factors`.

        A network that reads a mask is given 2 x channels + 1: latents, mask, and the masked picture's latents.
        """
        ...


@runtime_checkable
class Steerable(Protocol):
    """A family whose network takes what ControlNets add to it."""

    @property
    def unet(self) -> Any:
        """diffusers' network, whose settings a ControlNet must share."""
        ...

    def inputs(self, latents: torch.Tensor, timesteps: torch.Tensor, conditionings: Sequence[Conditioning]) -> Tensors:
        """What the network reads of a call's rows, and its ControlNets read as well: latents, timesteps, texts, ..."""
        ...

    def predict(
        self,
        latents: torch.Tensor,
        timesteps: torch.Tensor,
        conditionings: Sequence[Conditioning],
        factors: torch.Tensor,
        residuals: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """As LoadedFamily.predict. `residuals` are what ControlNets add to each row: rows x residuals."""
        ...
