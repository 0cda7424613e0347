"""One ControlNet in memory."""

from collections.abc import Hashable
from contextlib import nullcontext
from typing import Any, cast

import torch
from diffusers.models.controlnets.controlnet import ControlNetModel

from easel.domain.errors import InvalidRequest
from easel.engine.backends.base import Network
from easel.engine.backends.opening import Opener
from easel.engine.control.file import open_control, unusable
from easel.engine.control.residuals import joined, residual_shapes
from easel.engine.families.folder import stamp
from easel.engine.families.source import Source
from easel.engine.request import Hint, WeightsFile

GENTLEST = 0.1
"""In guess mode, the share of the first residual; the last has all of it, those between them lie on a logarithm."""


class ControlNetwork:
    """diffusers' network, parted in two: a hint is embedded once a picture, and the rest is called at every step."""

    def __init__(self, network: ControlNetModel) -> None:
        settings: Any = network.config
        self.settings = settings
        self.channels: int = settings.in_channels
        """Of latents that it reads."""
        self.reads_bgr = settings.controlnet_conditioning_channel_order == "bgr"
        self.pools = bool(settings.global_pool_conditions)
        """Whether it says the same of every place, and so nothing to the negative prompt's row."""
        self._dtype = network.dtype
        self._embedding: torch.nn.Module = network.controlnet_cond_embedding
        network.set_submodule("controlnet_cond_embedding", torch.nn.Identity())
        network.register_to_config(controlnet_conditioning_channel_order="rgb")
        self.call: Network = _Call(network)
        """Embedded hints, then the inputs of the steered network -> rows x residuals; see residuals.py."""
        self.residuals = len(network.controlnet_down_blocks) + 1

    @property
    def device(self) -> torch.device:
        return next(self._embedding.parameters()).device

    def embed(self, hint: Hint) -> torch.Tensor:
        """height x width x 3, from 0 to 1 -> channels x h x w."""
        pixels = torch.tensor(hint, device=self.device).permute(2, 0, 1)[None]
        return self._embedding((pixels.flip(1) if self.reads_bgr else pixels).to(self._dtype))[0]

    def scales(self, scale: float, *, guess: bool) -> torch.Tensor:
        """How much of each residual is added."""
        if guess and not self.pools:
            return torch.logspace(-1, 0, self.residuals, device=self.device, dtype=self._dtype) * scale
        return torch.full((self.residuals,), scale, device=self.device, dtype=self._dtype)


class ControlLoader:
    """Loads for a library. Refusals name `controlnet_model`."""

    def __init__(self, device: torch.device, dtype: torch.dtype, opener: Opener) -> None:
        self._device = device
        self._dtype = dtype
        self._opener = opener

    def stamp(self, key: WeightsFile) -> Hashable:
        return stamp(key.file.glob("*"))

    def size(self, key: WeightsFile) -> int:
        return open_control(key).parameters * self._dtype.itemsize

    def load(self, key: WeightsFile) -> ControlNetwork:
        open_control(key)
        on_gpu = self._device.type == "cuda"
        try:
            # A stream of its own: networks that draw meanwhile do not wait for the copies.
            with torch.cuda.stream(torch.cuda.Stream(self._device)) if on_gpu else nullcontext():
                loaded = load_control(Source(key.file, self._device, self._dtype))
                if on_gpu:
                    torch.cuda.current_stream(self._device).synchronize()
        except InvalidRequest as error:
            raise unusable(key, error.message) from None
        loaded.call = self._opener.open_beside(cast(torch.nn.Module, loaded.call))
        return loaded


def load_control(source: Source) -> ControlNetwork:
    """Raises InvalidRequest for a folder whose tensors are not those of its settings."""
    return ControlNetwork(source.network(ControlNetModel, ".", channels_last=True))


class _Call(torch.nn.Module):
    """The network, but for the embedding of the hint, as a function of tensors."""

    def __init__(self, network: ControlNetModel) -> None:
        super().__init__()
        self.network = network

    def forward(
        self,
        hints: torch.Tensor,
        scales: torch.Tensor,
        latents: torch.Tensor,
        timesteps: torch.Tensor,
        states: torch.Tensor,
        pooled: torch.Tensor | None = None,
        sizes: torch.Tensor | None = None,
    ) -> torch.Tensor:
        down, middle = self.network(
            latents,
            timesteps,
            encoder_hidden_states=states,
            controlnet_cond=hints,
            added_cond_kwargs=None if pooled is None else {"text_embeds": pooled, "time_ids": sizes},
            return_dict=False,
        )
        scaled = [
            residual * scale.view(-1, 1, 1, 1)
            for residual, scale in zip([*down, middle], scales.unbind(1), strict=True)
        ]
        return joined(scaled, residual_shapes(self.network.config, *latents.shape[-2:]))
