"""Families of networks by name. One file each, imported when a checkpoint of it is first loaded."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import torch

from easel.engine.families.base import LoadedFamily


def _stable_diffusion(folder: Path, device: torch.device, dtype: torch.dtype) -> LoadedFamily:
    from easel.engine.families.sd2 import StableDiffusion

    return StableDiffusion.load(folder, device, dtype)


def _stable_diffusion_xl(folder: Path, device: torch.device, dtype: torch.dtype) -> LoadedFamily:
    from easel.engine.families.sdxl import StableDiffusionXL

    return StableDiffusionXL.load(folder, device, dtype)


FAMILIES: Final[Mapping[str, Callable[[Path, torch.device, torch.dtype], LoadedFamily]]] = {
    "sd1": _stable_diffusion,
    "sd2": _stable_diffusion,
    "sdxl": _stable_diffusion_xl,
}
