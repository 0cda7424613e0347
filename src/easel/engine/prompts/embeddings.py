"""Textual inversions (arXiv:2208.01618): a few vectors that stand in a prompt where a word's would.

Read from safetensors alone: `emb_params` of AUTOMATIC1111's trainer, `clip_l` and `clip_g` for SDXL's two encoders, or
one tensor under the name of its token, as diffusers saves it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch

from easel.domain.errors import InvalidRequest
from easel.engine.reading import Form, Tensors, read_tensors
from easel.engine.request import WeightsFile
from easel.engine.tensorfile import read_header

KEYS: Final = (("clip_l", "emb_params"), ("clip_g",))
"""The names of a tensor for the first text encoder and for the second."""


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    file: WeightsFile
    vectors: tuple[torch.Tensor, ...]
    """For each text encoder of the family: vectors x width."""

    @property
    def count(self) -> int:
        return len(self.vectors[0])

    @property
    def bytes(self) -> int:
        return sum(vectors.nbytes for vectors in self.vectors)


def read_embedding(file: WeightsFile, widths: Sequence[int], room: int) -> Embedding:
    """For encoders that read vectors of `widths`, at most `room` at a time.

    Raises InvalidRequest, naming `embeddings`, for a file that is not there, not safetensors, or for other encoders.
    """
    if file.file.suffix != ".safetensors":
        raise _unusable(
            file,
            f"is {file.file.name}, no .safetensors file; other formats can run code when they are read and are "
            "never loaded. If you trust it, convert it: safetensors.torch.save_file({'emb_params': VECTORS}, FILE)",
        )
    try:
        header = read_header(file.file)
        tensors = read_tensors(header, header.tensors, Form(dtype=torch.float32))
    except InvalidRequest as error:
        raise InvalidRequest("embeddings", f"Embedding {file.name}: {error.message}") from None
    vectors = tuple(_of_encoder(file, tensors, number) for number in range(len(widths)))
    for found, width in zip(vectors, widths, strict=True):
        if found.ndim != 2 or found.shape[1] != width:
            raise _unusable(
                file,
                f"has vectors of {found.shape[-1] if found.ndim else 0} numbers, and this model's text encoder reads "
                f"{width}: it was made for another family of models",
            )
    if not 1 <= len(vectors[0]) <= room or any(len(found) != len(vectors[0]) for found in vectors):
        counts = " and ".join(str(len(found)) for found in vectors)
        raise _unusable(file, f"has {counts} vectors; 1 to {room} can be read, as many for each text encoder")
    return Embedding(file, vectors)


def _of_encoder(file: WeightsFile, tensors: Tensors, number: int) -> torch.Tensor:
    keys = KEYS[number]
    found = next((tensors[key] for key in keys if key in tensors), None)
    if found is None and number == 0 and len(tensors) == 1 and "clip_g" not in tensors:
        (found,) = tensors.values()
    if found is None:
        raise _unusable(
            file, f"holds no tensor named {' or '.join(keys)}, which this model needs: it was made for another family"
        )
    return found[None] if found.ndim == 1 else found


def _unusable(file: WeightsFile, why: str) -> InvalidRequest:
    return InvalidRequest("embeddings", f"Embedding {file.name} {why}.")
