"""The networks that families are made of, but for text encoders: a U-Net, an autoencoder."""

from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel

from easel.domain.errors import InvalidRequest
from easel.engine.backends.base import Network
from easel.engine.families.source import Source


def load_unet(source: Source, *, is_told_size: bool = False) -> UNet2DConditionModel:
    """Raises InvalidRequest for a network that asks for more than text and, with `is_told_size`, the size."""
    settings = source.settings("unet/config.json")
    drawn, coded = settings.get("in_channels"), source.settings("vae/config.json").get("latent_channels")
    if coded is None or drawn not in (coded, inpainting_channels(coded)):
        raise _unsuitable(
            source.folder, f"takes {drawn} channels where the autoencoder makes {coded}: it is for other tasks"
        )
    if (settings.get("addition_embed_type") == "text_time") != is_told_size:
        raise _unsuitable(source.folder, "is of another family: only SDXL's network is told the picture's size")
    if settings.get("time_cond_proj_dim") is not None:
        raise _unsuitable(source.folder, "has guidance as an input, which no family here gives it")
    return source.network(UNet2DConditionModel, "unet", channels_last=True)


def inpainting_channels(latent_channels: int) -> int:
    """Of a network that was trained to inpaint: latents, a mask, and the latents of the masked picture."""
    return 2 * latent_channels + 1


def _unsuitable(folder: Path, why: str) -> InvalidRequest:
    return InvalidRequest("model_id", f"{folder} is not a checkpoint that can be drawn with: its network {why}.")


class Autoencoder:
    """What stands between latents and pixels."""

    def __init__(self, network: AutoencoderKL) -> None:
        self.network = network
        self.decoder: Network = _Decoder(network)
        """Latents to pixels from -1 to 1."""
        self.pixels = 2 ** (len(network.config.block_out_channels) - 1)
        """Along each side, that one latent stands for."""

    @classmethod
    def load(cls, source: Source, part: str = "vae") -> "Autoencoder":
        # Its convolutions take a quarter less time so on a CPU.
        return cls(source.network(AutoencoderKL, part, channels_last=True))

    def latent_shape(self, width: int, height: int) -> tuple[int, int, int]:
        """Channels, rows and columns of a picture's latents."""
        return (self.network.config.latent_channels, height // self.pixels, width // self.pixels)

    def encode(self, picture: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """height x width x 3, from 0 to 1 -> channels x h x w: a sample of what the encoder holds possible."""
        signed = (picture.permute(2, 0, 1)[None] * 2 - 1).to(self.network.dtype)
        found = self.network.encode(signed, return_dict=False)[0]
        sample = found.mean.float() + found.std.float() * noise[None]
        mean, std = self._statistics(sample)
        return ((sample - mean) / std * self.network.config.scaling_factor)[0]

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """channels x h x w -> height x width x 3, from 0 to 1."""
        mean, std = self._statistics(latents)
        scaled = latents[None] / self.network.config.scaling_factor * std + mean
        picture = self.decoder(scaled.to(self.network.dtype))[0].float()
        return (picture / 2 + 0.5).clamp(0, 1).permute(1, 2, 0)

    def _statistics(self, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and spread of each channel, for an autoencoder whose settings name them; otherwise 0 and 1."""
        settings = self.network.config
        channels = settings.latent_channels
        mean, std = settings.latents_mean or [0.0] * channels, settings.latents_std or [1.0] * channels
        return torch.tensor(mean).to(like).view(1, -1, 1, 1), torch.tensor(std).to(like).view(1, -1, 1, 1)


class _Decoder(torch.nn.Module):
    """The decoding half of an autoencoder as a function of tensors."""

    def __init__(self, network: AutoencoderKL) -> None:
        super().__init__()
        self.network = network

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        return self.network.decode(latents, return_dict=False)[0]


def weight_bytes(*networks: torch.nn.Module) -> int:
    return sum(weight.nbytes for network in networks for weight in network.parameters())
