"""Stable Diffusion 2, and 1, whose networks differ in their settings alone.

The numbers are those of diffusers' StableDiffusionPipeline.
"""

from collections.abc import Mapping, Sequence
from typing import Self

import torch
from diffusers import UNet2DConditionModel
from transformers import CLIPTextModel

from easel.engine.adapters.adaptable import Adaptable
from easel.engine.backends.base import Opened, Tensors
from easel.engine.control.residuals import no_residuals, steering
from easel.engine.families.base import Conditioning
from easel.engine.families.networks import Autoencoder, load_unet, weight_bytes
from easel.engine.families.source import Source
from easel.engine.families.text import TextEncoder, TextEncoders, weighted
from easel.engine.prompts.chunks import Chunks
from easel.engine.prompts.embeddings import Embedding
from easel.engine.prompts.lengths import stacked
from easel.engine.request import WeightsFile


class StableDiffusion:
    def __init__(self, text: TextEncoder, unet: UNet2DConditionModel, autoencoder: Autoencoder) -> None:
        self.text = TextEncoders(text)
        self._encoder = text
        self.unet = unet
        self._dtype = unet.dtype
        self.adaptable = Adaptable(unet, text.network)
        self.network = Opened.plainly(self.adaptable.adapted(_Call(unet)))
        self.autoencoder = autoencoder
        self.reads_mask = unet.config.in_channels != autoencoder.network.config.latent_channels
        self.bytes = weight_bytes(text.network, unet, autoencoder.network)

    @classmethod
    def load(cls, source: Source) -> Self:
        """Raises InvalidRequest, with a sentence, when the checkpoint cannot be used."""
        return cls(
            TextEncoder.load(CLIPTextModel, source),
            load_unet(source),
            Autoencoder.load(source),
        )

    def encode(self, chunks: Chunks, embeddings: Mapping[WeightsFile, Embedding], clip_skip: int) -> Conditioning:
        """The encoder's last states, or those of a layer before; its final norm is applied to either."""
        (chunk,) = chunks
        vectors = {file: embedding.vectors[0] for file, embedding in embeddings.items()}
        answer = self._encoder.run(chunk, vectors, clip_skip)
        skipped = clip_skip > 1
        states = self._encoder.normed(answer.hidden_states[-clip_skip]) if skipped else answer.last_hidden_state
        return Conditioning(weighted(states[0], chunk))

    def predict(
        self,
        latents: torch.Tensor,
        timesteps: torch.Tensor,
        conditionings: Sequence[Conditioning],
        factors: torch.Tensor,
        residuals: torch.Tensor | None = None,
    ) -> torch.Tensor:
        inputs = self.inputs(latents, timesteps, conditionings)
        return self.network(factors, *inputs, no_residuals(inputs[0]) if residuals is None else residuals).float()

    def inputs(self, latents: torch.Tensor, timesteps: torch.Tensor, conditionings: Sequence[Conditioning]) -> Tensors:
        states = stacked([conditioning.states for conditioning in conditionings])
        return latents.to(self._dtype), timesteps, states


class _Call(torch.nn.Module):
    """The network as a function of tensors."""

    def __init__(self, unet: UNet2DConditionModel) -> None:
        super().__init__()
        self.unet = unet

    def forward(
        self, latents: torch.Tensor, timesteps: torch.Tensor, states: torch.Tensor, residuals: torch.Tensor
    ) -> torch.Tensor:
        return self.unet(
            latents,
            timesteps,
            encoder_hidden_states=states,
            return_dict=False,
            **steering(self.unet, latents, residuals),
        )[0]
