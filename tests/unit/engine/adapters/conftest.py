"""Adapters as files."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from easel.engine.request import WeightsFile


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., WeightsFile]:
    """Write tensors as an adapter's file."""

    def write(name: str, tensors: dict[str, torch.Tensor], metadata: dict[str, str] | None = None) -> WeightsFile:
        file = tmp_path / f"{name}.safetensors"
        save_file({key: value.contiguous() for key, value in tensors.items()}, file, metadata)
        return WeightsFile(name=name, file=file)

    return write
