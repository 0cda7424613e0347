"""Stable Diffusion 2 (and 1, whose networks differ in their settings alone): U-Net, CLIP text encoder, autoencoder.

The networks are diffusers' and transformers' own, with the numbers that their StableDiffusionPipeline would give.
"""

from pathlib import Path
from typing import Self

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer
from transformers.utils import logging as transformers_logging

from easel.domain.errors import InvalidRequest
from easel.engine.families.base import Conditioning
from easel.engine.families.folder import read_settings, unreadable, weights_variant


class StableDiffusion:
    def __init__(
        self,
        tokenizer: CLIPTokenizer,
        text_encoder: CLIPTextModel,
        unet: UNet2DConditionModel,
        vae: AutoencoderKL,
    ) -> None:
        self._tokenizer = tokenizer
        self._text_encoder = text_encoder
        self._unet = unet
        self._vae = vae
        self._tokens = min(tokenizer.model_max_length, text_encoder.config.max_position_embeddings)
        self._latent_pixels = 2 ** (len(vae.config.block_out_channels) - 1)

    @classmethod
    def load(cls, folder: Path, device: torch.device, dtype: torch.dtype) -> Self:
        """Read a folder in diffusers' layout. Raises InvalidRequest, with a sentence, when it cannot be used."""
        _require_text_to_image(folder)
        variants = {part: weights_variant(folder, part) for part in ("unet", "vae", "text_encoder")}
        transformers_logging.disable_progress_bar()
        try:
            tokenizer = CLIPTokenizer.from_pretrained(folder / "tokenizer", local_files_only=True)
            text_encoder = CLIPTextModel.from_pretrained(
                folder / "text_encoder",
                variant=variants["text_encoder"],
                use_safetensors=True,
                local_files_only=True,
                dtype=dtype,
            )
            unet, vae = (
                network.from_pretrained(
                    folder / part,
                    variant=variants[part],
                    use_safetensors=True,
                    local_files_only=True,
                    torch_dtype=dtype,
                )
                for network, part in ((UNet2DConditionModel, "unet"), (AutoencoderKL, "vae"))
            )
        except Exception as error:  # whatever a damaged file makes three libraries raise
            raise unreadable(folder, error) from error
        for network in (text_encoder, unet, vae):
            network.to(device).eval().requires_grad_(False)
        for network in (unet, vae):
            # What convolutions like: a decode takes a quarter less time on a CPU, a network call a twentieth.
            network.to(memory_format=torch.channels_last)
        return cls(tokenizer, text_encoder, unet, vae)

    @property
    def bytes(self) -> int:
        networks = (self._text_encoder, self._unet, self._vae)
        return sum(weight.nbytes for network in networks for weight in network.parameters())

    def latent_shape(self, width: int, height: int) -> tuple[int, int, int]:
        return (self._unet.config.in_channels, height // self._latent_pixels, width // self._latent_pixels)

    def encode(self, text: str) -> Conditioning:
        """One text, padded or cut to the encoder's length."""
        kept = self._tokenizer(
            text, padding="max_length", max_length=self._tokens, truncation=True, return_tensors="pt"
        ).input_ids
        states = self._text_encoder(kept.to(self._text_encoder.device))[0][0]
        return Conditioning(states, self._cut(text))

    def _cut(self, text: str) -> str | None:
        """The end of `text` beyond what the encoder reads, as its tokens spell it; None when all was read."""
        tokens = self._tokenizer(text, truncation=False, verbose=False).input_ids
        if len(tokens) <= self._tokens:
            return None
        return self._tokenizer.decode(tokens[self._tokens - 1 : -1]).strip()

    def predict(self, latents: torch.Tensor, timesteps: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
        answer = self._unet(latents.to(self._unet.dtype), timesteps, encoder_hidden_states=states, return_dict=False)
        return answer[0].float()

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        scaled = latents[None].to(self._vae.dtype) / self._vae.config.scaling_factor
        picture = self._vae.decode(scaled, return_dict=False)[0][0].float()
        return (picture / 2 + 0.5).clamp(0, 1).permute(1, 2, 0)


def _require_text_to_image(folder: Path) -> None:
    drawn = read_settings(folder, "unet/config.json").get("in_channels")
    coded = read_settings(folder, "vae/config.json").get("latent_channels")
    if drawn != coded:
        raise InvalidRequest(
            "model_id",
            f"The network in {folder} takes {drawn} channels and its autoencoder makes {coded}: it is not a "
            "text-to-image checkpoint.",
        )
