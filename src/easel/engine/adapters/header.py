"""What an adapter's file says of itself before any of its numbers is read. No torch here."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from easel.domain.errors import InvalidRequest
from easel.engine import tensorfile
from easel.engine.tensorfile import TensorFile

PICKLED = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
"""How pickles begin: in a zip file, and bare, by the version of their protocol."""

Shape: TypeAlias = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Header:
    file: TensorFile
    shapes: Mapping[str, Shape]
    """Of each tensor, by its name."""

    @property
    def metadata(self) -> Mapping[str, str]:
        return self.file.metadata


def read_header(name: str, path: Path) -> Header:
    """Of the adapter that is called `name`. Raises InvalidRequest for what is no whole safetensors file."""
    try:
        file = tensorfile.read_header(path)
    except InvalidRequest as refusal:
        raise refused(name, _pickled(path) or refusal.message) from None
    return Header(file, {tensor: info.shape for tensor, info in file.tensors.items()})


def refused(name: str, sentence: str) -> InvalidRequest:
    """About an adapter's file."""
    return InvalidRequest("lora_model", f"LoRA {name} cannot be drawn with: {sentence}")


def _pickled(path: Path) -> str | None:
    """Asked only about what is no safetensors file: a whole one may begin with the same bytes."""
    try:
        with path.open("rb") as file:
            beginning = file.read(4)
    except OSError:
        return None
    if not beginning.startswith(PICKLED):
        return None
    return (
        f"{path.name} is a pickle, which can run code when it is loaded and is never read; where you trust it, load it "
        "elsewhere with torch.load(FILE, weights_only=True) and save it with safetensors.torch.save_file."
    )
