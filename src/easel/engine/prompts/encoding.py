"""From a picture's script to conditionings. Each chunk is encoded once and kept, within a number of bytes."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Final

import torch

from easel.domain.prompt import Reading
from easel.engine.adapters.shelf import TextAdapters
from easel.engine.families.base import Conditioning, LoadedFamily
from easel.engine.prompts.chunks import MOST_CHUNKS, Chunks
from easel.engine.prompts.embeddings import Embedding
from easel.engine.prompts.script import Script
from easel.engine.request import Checkpoint, PictureRequest, WeightsFile
from easel.engine.residency import Residency

MIB: Final = 2**20
QUOTED: Final = 60
"""How many characters of a cut prompt its note repeats."""


@dataclass(frozen=True, slots=True)
class ChunkKey:
    """All that an encoded chunk depends on."""

    checkpoint: Checkpoint
    chunk: Chunks
    clip_skip: int
    adapters: Hashable


@dataclass(frozen=True, slots=True)
class CacheReport:
    """What has become of the chunks asked for so far, and what is kept of them."""

    hits: int
    misses: int
    chunks: int
    bytes: int


class Encoding:
    """Reads scripts for one runner."""

    def __init__(self, *, bytes: int) -> None:
        self._kept: Residency[ChunkKey, Conditioning] = Residency(lambda chunk: chunk.bytes, bytes=bytes)
        self._embeddings: Residency[tuple[Checkpoint, WeightsFile], Embedding] = Residency(
            lambda embedding: embedding.bytes, bytes=16 * MIB
        )
        self._asked = 0
        self._encoded = 0

    @property
    def report(self) -> CacheReport:
        return CacheReport(self._asked - self._encoded, self._encoded, len(self._kept), self._kept.bytes)

    def read(
        self, family: LoadedFamily, request: PictureRequest, script: Script, adapters: TextAdapters
    ) -> tuple[dict[Reading, Conditioning], tuple[str, ...]]:
        """A conditioning for each reading of the script, under the request's adapters, and notes for the customer.

        Raises InvalidRequest for an embedding that does not fit, or a clip_skip beyond the encoder's layers.
        """
        embeddings = {file: self._embedding(family, request.checkpoint, file) for file in request.embeddings}
        conditionings: dict[Reading, Conditioning] = {}
        notes = list(script.notes)
        named: set[WeightsFile] = set()
        for name, readings in script.texts().items():
            for reading in readings:
                chunks = family.text.chunks(reading, embeddings)
                named |= {placed.embedding for chunk in chunks for placed in chunk[0].placed}
                if len(chunks) > MOST_CHUNKS:
                    notes.append(_cut(name, family.text.spelled(chunks[MOST_CHUNKS:])))
                kept = [self._chunk(family, request, chunk, embeddings, adapters) for chunk in chunks[:MOST_CHUNKS]]
                conditionings[reading] = _joined(kept)
        notes += [f"No prompt names the embedding {file.name}." for file in request.embeddings if file not in named]
        return conditionings, tuple(dict.fromkeys(notes))

    def forget(self, checkpoint: Checkpoint) -> None:
        """Its weights may be others when they come back."""
        self._kept.forget(lambda key: key.checkpoint == checkpoint)
        self._embeddings.forget(lambda key: key[0] == checkpoint)

    def _chunk(
        self,
        family: LoadedFamily,
        request: PictureRequest,
        chunk: Chunks,
        embeddings: dict[WeightsFile, Embedding],
        adapters: TextAdapters,
    ) -> Conditioning:
        def encode() -> Conditioning:
            self._encoded += 1
            with family.adaptable.encoding(adapters.factors, adapters.worn):
                return family.encode(chunk, embeddings, request.clip_skip)

        self._asked += 1
        key = ChunkKey(request.checkpoint, chunk, request.clip_skip, adapters.key)
        return self._kept.get(key, encode)

    def _embedding(self, family: LoadedFamily, checkpoint: Checkpoint, file: WeightsFile) -> Embedding:
        return self._embeddings.get((checkpoint, file), lambda: family.text.load_embedding(file))


def _joined(chunks: Sequence[Conditioning]) -> Conditioning:
    """One after the other. What the text is as a whole is said by its first chunk."""
    if len(chunks) == 1:
        return chunks[0]
    return Conditioning(torch.cat([chunk.states for chunk in chunks]), chunks[0].pooled)


def _cut(name: str, end: str) -> str:
    quoted = end if len(end) <= QUOTED else f"{end[:QUOTED]}..."
    return f'The {name} is longer than {MOST_CHUNKS} chunks of text; this end of it was left out: "{quoted}"'
