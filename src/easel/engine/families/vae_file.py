"""Files and folders of autoencoders, looked at before anything is read of them. No torch here."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from easel.domain.errors import InvalidRequest
from easel.engine.families.folder import PICKLES, read_settings, weights_files
from easel.engine.ldm.names import autoencoder_names
from easel.engine.ldm.settings import SCALING, autoencoder_levels
from easel.engine.tensorfile import TensorFile, TensorInfo, read_header

PREFIXES: Final = ("first_stage_model.", "vae.")
"""What some tools put before all names of a file."""
NEEDED: Final = ("encoder.conv_in.weight", "decoder.conv_out.weight")


@dataclass(frozen=True, slots=True)
class VaeFile:
    header: TensorFile
    """With diffusers' names."""
    settings: Mapping[str, Any] | None
    """None for a file by itself, which has none."""

    @property
    def family(self) -> str | None:
        """By what its latents are scaled with. Stable Diffusion 1 and 2 share theirs; a file by itself does not say."""
        scale = self.settings.get("scaling_factor") if self.settings else None
        found = [family for family, own in SCALING.items() if isinstance(scale, float) and math.isclose(scale, own)]
        return found[0] if found else None


def part_of(folder: Path) -> str:
    """Where in the folder the autoencoder lies: a whole checkpoint may be given."""
    return "vae" if (folder / "vae" / "config.json").is_file() else "."


def open_vae(path: Path) -> VaeFile:
    """Raises InvalidRequest for what is no autoencoder in safetensors."""
    if path.is_dir():
        part = part_of(path)
        settings = read_settings(path, f"{part}/config.json")
        kind = settings.get("_class_name")
        if kind != "AutoencoderKL":
            raise InvalidRequest("vae", f"{path} is of {kind or 'no kind'}, and no AutoencoderKL.")
        return VaeFile(read_header(weights_files(path, part)[0]), settings)
    if path.suffix in PICKLES:
        raise InvalidRequest(
            "vae",
            f"{path} is a pickle, which can run code when it is read and is never loaded. If you trust it, convert it "
            "elsewhere: AutoencoderKL.from_single_file(FILE).save_pretrained(FOLDER)",
        )
    header = _in_todays_names(read_header(path))
    if missing := [name for name in NEEDED if name not in header.tensors]:
        raise InvalidRequest("vae", f"{path} is no autoencoder: it has no tensor {missing[0]}.")
    return VaeFile(header, None)


def _in_todays_names(file: TensorFile) -> TensorFile:
    tensors = {_without_prefix(name): info for name, info in file.tensors.items()}
    if any(name.startswith(("encoder.down.", "decoder.up.")) for name in tensors):
        levels = autoencoder_levels({name: info.shape for name, info in tensors.items()})
        rename = autoencoder_names(levels)
        tensors = {new: info for name, info in tensors.items() if (new := rename(name))}
    return replace(file, tensors={name: _linear(name, info) for name, info in tensors.items()})


def _without_prefix(name: str) -> str:
    for prefix in PREFIXES:
        name = name.removeprefix(prefix)
    return name


def _linear(name: str, info: TensorInfo) -> TensorInfo:
    """Attention's projections are 1 x 1 convolutions in LDM and in diffusers until 2023."""
    if ".attentions." in name and info.shape[2:] == (1, 1):
        return replace(info, shape=info.shape[:2])
    return info
