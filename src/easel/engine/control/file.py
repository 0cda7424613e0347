"""A ControlNet's folder, looked at before anything is read of it. No torch here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from easel.domain.errors import InvalidRequest
from easel.engine.families.folder import read_settings, weights_files
from easel.engine.request import WeightsFile
from easel.engine.tensorfile import TensorFile, read_header

HINT_CHANNELS: Final = 3
FAMILIES: Final[Mapping[int, str]] = {768: "sd1", 1024: "sd2", 2048: "sdxl"}
"""By the width of the text that the network reads."""

MATCHING: Final = (
    "in_channels",
    "block_out_channels",
    "layers_per_block",
    "cross_attention_dim",
    "addition_embed_type",
)
"""Settings that a ControlNet shares with the network that it was made for."""


@dataclass(frozen=True, slots=True)
class ControlFolder:
    settings: Mapping[str, Any]
    headers: tuple[TensorFile, ...]

    @property
    def parameters(self) -> int:
        return sum(header.parameters for header in self.headers)

    @property
    def family(self) -> str | None:
        """Whose checkpoints it steers, where its settings say so."""
        width = self.settings.get("cross_attention_dim")
        return FAMILIES.get(width) if isinstance(width, int) else None


def open_control(network: WeightsFile) -> ControlFolder:
    """Raises InvalidRequest, naming `controlnet_model`, for what is no ControlNet in diffusers' layout."""
    try:
        settings = read_settings(network.file, "config.json")
        headers = tuple(read_header(file) for file in weights_files(network.file, "."))
    except InvalidRequest as error:
        raise unusable(network, error.message) from None
    kind = settings.get("_class_name")
    if kind != "ControlNetModel":
        raise unusable(network, f"it is of {kind or 'no kind'}, and no ControlNetModel")
    channels = settings.get("conditioning_channels", HINT_CHANNELS)
    if channels != HINT_CHANNELS:
        raise unusable(network, f"it reads hints of {channels} channels, where pictures have {HINT_CHANNELS}")
    return ControlFolder(settings, headers)


def check_fits(network: WeightsFile, own: Any, steered: Any, checkpoint: str, latent_channels: int) -> None:
    """Raise InvalidRequest unless settings `own` are for a network of settings `steered`."""
    for name in MATCHING:
        # An inpainting network's further channels are not the ControlNet's to read.
        theirs = latent_channels if name == "in_channels" else getattr(steered, name)
        if _plain(getattr(own, name)) != _plain(theirs):
            raise unusable(
                network,
                f"it was made for another kind of checkpoint than {checkpoint}: its {name} is {getattr(own, name)}, "
                f"the checkpoint's {theirs}",
            )


def unusable(network: WeightsFile, why: str) -> InvalidRequest:
    return InvalidRequest("controlnet_model", f"ControlNet {network.name}: {why.removesuffix('.')}.")


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list | tuple) else value
