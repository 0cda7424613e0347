"""What a checkpoint's folder is: that it can be drawn with, and how large it is. No number of its weights is read."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from easel.engine.families import family_named, family_of
from easel.engine.families.folder import read_noise_schedule, read_settings, weights_files
from easel.engine.ldm.copying import sha256_of
from easel.engine.tensorfile import read_header

USUAL_PIXELS = 8
"""Where an autoencoder's settings do not say: the ecosystem's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    family: str
    objective: str
    """`prediction_type` of its noise schedule; `flow` for flow matching."""
    resolution: int | None
    """Pixels along a side of the pictures it was trained on, where its settings say so."""
    pixels: int
    """Along a side of what one latent stands for: sizes are multiples of it."""
    parameters: int
    bytes: int
    files: tuple[Path, ...]
    """Of its weights."""

    def sha256(self) -> str:
        """Of the one file, or of the list of the files' hashes. Takes a second for a gigabyte."""
        hashes = [sha256_of(file) for file in self.files]
        return hashes[0] if len(hashes) == 1 else hashlib.sha256("\n".join(hashes).encode()).hexdigest()


def examine(folder: Path, family: str | None = None) -> Examined:
    """Raises InvalidRequest for what a worker could not load. `family` is for a folder that is known to be of it."""
    family = family or family_of(folder)
    about = family_named(family)
    files = [file for part in about.parts for file in weights_files(folder, part)]
    headers = [read_header(file) for file in files]
    schedule = read_settings(folder, "scheduler/scheduler_config.json")
    is_flow = "FlowMatch" in str(schedule.get("_class_name"))
    if not is_flow:
        read_noise_schedule(folder)
    _lay_out(folder, family)
    network, pixels = about.parts[0], _pixels(folder)
    side = read_settings(folder, f"{network}/config.json").get("sample_size")  # in latents
    return Examined(
        family=family,
        objective="flow" if is_flow else str(schedule.get("prediction_type", "epsilon")),
        resolution=side * pixels if isinstance(side, int) and pixels else None,
        pixels=pixels or USUAL_PIXELS,
        parameters=sum(header.parameters for header in headers),
        bytes=sum(file.stat().st_size for file in files),
        files=tuple(files),
    )


def _lay_out(folder: Path, family: str) -> None:
    """All that loading does but for the numbers themselves, where torch is here to do it."""
    try:
        import torch

        from easel.engine.families.source import Source
    except ImportError:
        return  # a machine that serves and does not draw
    family_named(family).load(Source(folder, torch.device("meta"), torch.float32))


def _pixels(folder: Path) -> int | None:
    """Each level of the autoencoder but the first halves the picture."""
    levels = read_settings(folder, "vae/config.json").get("block_out_channels")
    return 2 ** (len(levels) - 1) if isinstance(levels, list) else None
