"""What a loaded family offers adapters: its networks, the places in them, and the names that files have for those."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager

import torch

from easel.engine.adapters.merge import Merger, Worn
from easel.engine.adapters.names import TEXT, UNET, Layer, stems
from easel.engine.adapters.sites import Adapted, Sites, no_factors


class Adaptable:
    """Making one changes how the networks' linear layers are called, not one of their weights."""

    def __init__(self, unet: torch.nn.Module, *text_encoders: torch.nn.Module) -> None:
        named = {f"{TEXT}_{number}" if number > 1 else TEXT: one for number, one in enumerate(text_encoders, start=1)}
        self.networks: Mapping[str, torch.nn.Module] = {UNET: unet, **named}
        self.stems: Mapping[str, Layer] = stems(self.networks)
        self.sites: Mapping[str, Sites] = {part: Sites(network) for part, network in self.networks.items()}
        self.mergers: Mapping[str, Merger] = {part: Merger(network) for part, network in self.networks.items()}
        weight = next(unet.parameters())
        self.no_factors = no_factors(weight.device, weight.dtype)

    def adapted(self, call: torch.nn.Module) -> Adapted:
        """`call`, which calls the U-Net, with the adapters' factors before its other inputs."""
        return Adapted(call, self.sites[UNET])

    @property
    def text_width(self) -> int | None:
        """How many numbers a token the U-Net's cross-attention reads."""
        for layer, module in self.networks[UNET].named_modules():
            if layer.endswith("attn2.to_k"):
                return module.get_parameter("weight").shape[1]
        return None

    @contextmanager
    def encoding(self, factors: Mapping[str, torch.Tensor], worn: Mapping[str, Sequence[Worn]]) -> Generator[None]:
        """The text encoders with these adapters, for as long as the context lasts."""
        try:
            for part, adapters in worn.items():
                self.mergers[part].wear(adapters)
            for part, of_the_part in factors.items():
                self.sites[part].factors = of_the_part
            yield
        finally:
            for part in self.networks.keys() - {UNET}:
                self.sites[part].factors = None
                self.mergers[part].bare()
