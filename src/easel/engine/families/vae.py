"""An autoencoder that takes the place of a checkpoint's own, for the pictures that ask for it.

It is a folder in diffusers' layout, with settings of its own, or one safetensors file in LDM's or diffusers' names that
is read with the checkpoint's settings. Either must speak of the same latents as the network that draws them.
"""

import math
from collections.abc import Hashable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Final

import torch

from easel.domain.errors import InvalidRequest
from easel.engine.families.folder import read_settings, stamp
from easel.engine.families.networks import Autoencoder
from easel.engine.families.source import Source
from easel.engine.families.vae_file import open_vae, part_of
from easel.engine.request import Checkpoint, WeightsFile
from easel.engine.tensorfile import TensorFile

LATENTS: Final = ("latent_channels", "scaling_factor", "shift_factor", "latents_mean", "latents_std")
"""Settings that say what the latents are."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """An autoencoder for pictures of a checkpoint."""

    vae: WeightsFile
    checkpoint: Checkpoint


class VaeLoader:
    """Loads for a library. Refusals name `vae`."""

    def __init__(self, device: torch.device, dtype: torch.dtype) -> None:
        self._device = device
        self._dtype = dtype

    def stamp(self, key: Replacement) -> Hashable:
        path = key.vae.file
        return stamp([path, *path.glob("*"), *path.glob("vae/*")] if path.is_dir() else [path])

    def size(self, key: Replacement) -> int:
        path = key.vae.file
        files = [*path.glob("*.safetensors"), *path.glob("vae/*.safetensors")] if path.is_dir() else [path]
        return sum(file.stat().st_size for file in files if file.exists())

    def load(self, key: Replacement) -> Autoencoder:
        on_gpu = self._device.type == "cuda"
        try:
            # A stream of its own: networks that draw meanwhile do not wait for the copies.
            with torch.cuda.stream(torch.cuda.Stream(self._device)) if on_gpu else nullcontext():
                autoencoder = load_vae(key, self._device, self._dtype)
                if on_gpu:
                    torch.cuda.current_stream(self._device).synchronize()
                return autoencoder
        except InvalidRequest as error:
            raise InvalidRequest("vae", f"VAE {key.vae.name}: {error.message}") from None


def load_vae(key: Replacement, device: torch.device, dtype: torch.dtype) -> Autoencoder:
    """Raises InvalidRequest for what is no autoencoder, or one for other latents than the checkpoint's."""
    own, path = read_settings(key.checkpoint.folder, "vae/config.json"), key.vae.file
    found = open_vae(path)
    if found.settings is None:
        return Autoencoder.load(_FileSource(found.header, own, device, dtype))
    _check_fits(found.settings, own, key)
    return Autoencoder.load(Source(path, device, dtype), part_of(path))


def _check_fits(settings: Mapping[str, Any], own: dict[str, Any], key: Replacement) -> None:
    for name in LATENTS:
        if not _same(settings.get(name), own.get(name)):
            raise InvalidRequest(
                "vae",
                f"its {name} is {settings.get(name)}, and that of {key.checkpoint.name} is {own.get(name)}: it was "
                "made for another family of models.",
            )
    if len(settings.get("block_out_channels", ())) != len(own.get("block_out_channels", ())):
        raise InvalidRequest("vae", f"one of its latents stands for other pixels than one of {key.checkpoint.name}.")


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=1e-3)
    return (one or None) == (other or None)


class _FileSource(Source):
    """One network, in a file by itself, with settings from elsewhere."""

    def __init__(self, file: TensorFile, settings: dict[str, Any], device: torch.device, dtype: torch.dtype) -> None:
        super().__init__(file.path, device, dtype)
        self._file = file
        self._settings = settings

    def settings(self, file: str) -> dict[str, Any]:
        return self._settings

    def files(self, part: str) -> list[TensorFile]:
        return [self._file]
