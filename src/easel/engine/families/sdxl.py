"""Stable Diffusion XL: two text encoders, and a network that is told the picture's size.

The numbers are those of diffusers' StableDiffusionXLPipeline without a refiner.
"""

from collections.abc import Mapping, Sequence
from typing import Self

import torch
from diffusers import UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTextModelWithProjection

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


class StableDiffusionXL:
    def __init__(
        self,
        first: TextEncoder,
        second: TextEncoder,
        unet: UNet2DConditionModel,
        autoencoder: Autoencoder,
        *,
        zeros_for_no_text: bool,
    ) -> None:
        """`second` has a projection. `zeros_for_no_text`: an empty text is zeros, not what the encoders make of it."""
        self.text = TextEncoders(first, second)
        self._encoders = (first, second)
        self.unet = unet
        self._dtype = unet.dtype
        self.adaptable = Adaptable(unet, first.network, second.network)
        self.network = Opened.plainly(self.adaptable.adapted(_Call(unet)))
        self._zeros_for_no_text = zeros_for_no_text
        self.autoencoder = autoencoder
        self.reads_mask = unet.config.in_channels != autoencoder.network.config.latent_channels
        self.bytes = weight_bytes(first.network, second.network, unet, autoencoder.network)

    @classmethod
    def load(cls, source: Source) -> Self:
        """Raises InvalidRequest, with a sentence, when the checkpoint cannot be used."""
        return cls(
            TextEncoder.load(CLIPTextModel, source),
            TextEncoder.load(CLIPTextModelWithProjection, source, number="_2"),
            load_unet(source, is_told_size=True),
            Autoencoder.load(source),
            zeros_for_no_text=source.settings("model_index.json").get("force_zeros_for_empty_prompt", True),
        )

    def encode(self, chunks: Chunks, embeddings: Mapping[WeightsFile, Embedding], clip_skip: int) -> Conditioning:
        """The states before each encoder's last layer, side by side, and the second's projection of the whole text.

        `clip_skip` counts from there. No norm is applied: the network was trained without.
        """
        sides: list[torch.Tensor] = []
        for number, (encoder, chunk) in enumerate(zip(self._encoders, chunks, strict=True)):
            vectors = {file: embedding.vectors[number] for file, embedding in embeddings.items()}
            answer = encoder.run(chunk, vectors, clip_skip, first=2)
            sides.append(weighted(answer.hidden_states[-clip_skip - 1][0], chunk))
        states, pooled = torch.cat(sides, dim=-1), answer.text_embeds[0]
        if self._zeros_for_no_text and not any(chunk.length for chunk in chunks):
            states, pooled = torch.zeros_like(states), torch.zeros_like(pooled)
        return Conditioning(states, pooled)

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
        """The network is told that the picture was never scaled or cropped."""
        height, width = (side * self.autoencoder.pixels for side in latents.shape[-2:])
        sizes = torch.tensor([[height, width, 0, 0, height, width]], dtype=self._dtype, device=latents.device)
        return (
            latents.to(self._dtype),
            timesteps,
            stacked([conditioning.states for conditioning in conditionings]),
            torch.stack([conditioning.pooled for conditioning in conditionings]),
            sizes.expand(len(latents), -1),
        )


class _Call(torch.nn.Module):
    """The network as a function of tensors."""

    def __init__(self, unet: UNet2DConditionModel) -> None:
        super().__init__()
        self.unet = unet

    def forward(
        self,
        latents: torch.Tensor,
        timesteps: torch.Tensor,
        states: torch.Tensor,
        pooled: torch.Tensor,
        sizes: torch.Tensor,
        residuals: torch.Tensor,
    ) -> torch.Tensor:
        return self.unet(
            latents,
            timesteps,
            encoder_hidden_states=states,
            added_cond_kwargs={"text_embeds": pooled, "time_ids": sizes},
            return_dict=False,
            **steering(self.unet, latents, residuals),
        )[0]
