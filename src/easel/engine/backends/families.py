"""Puts a backend behind the networks of a family that was loaded."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import torch

from easel.engine.backends.base import Tensors
from easel.engine.backends.calibration import samples
from easel.engine.backends.opening import Opener
from easel.engine.families.base import LoadedFamily, Steerable
from easel.engine.families.folder import read_noise_schedule, read_settings


def run_by(opener: Opener, family: LoadedFamily, folder: Path) -> None:
    """From now on the networks of `family`, loaded from `folder`, are run by the opener's backend."""

    def inputs() -> Sequence[Tensors]:
        side = read_settings(folder, "unet/config.json").get("sample_size", 64) * family.autoencoder.pixels
        return samples(family, read_noise_schedule(folder), width=side, height=side)

    family.network = opener.open(family.network.network, inputs, takes_residuals=isinstance(family, Steerable))
    family.autoencoder.decoder = opener.open_decoder(cast(torch.nn.Module, family.autoencoder.decoder))
