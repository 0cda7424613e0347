"""Textual inversions (arXiv:2208.01618): a few vectors that stand in a prompt where a word's would."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from easel.domain.errors import InvalidRequest
from easel.engine.prompts.embedding_file import open_embedding, unusable
from easel.engine.reading import Form, read_tensors
from easel.engine.request import WeightsFile


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

    Raises InvalidRequest, naming `embeddings_model`, for a file that cannot be read, or one for other encoders.
    """
    found = open_embedding(file)
    if found.widths != tuple(widths):
        has, reads = (" and ".join(map(str, these)) for these in (found.widths, widths))
        raise unusable(
            file,
            f"has vectors of {has} numbers, and the text encoder of this model reads {reads}: it was made for another "
            "family of models",
        )
    if found.count > room:
        raise unusable(file, f"has {found.count} vectors, and the text encoder of this model reads {room} at a time")
    try:
        tensors = read_tensors(found.header, found.names, Form(dtype=torch.float32))
    except InvalidRequest as error:
        raise unusable(file, f"cannot be read: {error.message}") from None
    return Embedding(file, tuple(tensors[name].reshape(found.count, -1) for name in found.names))
