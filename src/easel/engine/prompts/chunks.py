"""From pieces of text to chunks of tokens, each as long as a text encoder reads. Plain data: no torch here.

As in AUTOMATIC1111: a chunk that is full ends after its last comma when that is near, BREAK ends one at once, and each
has its own begin and end tokens. So no prompt is cut, up to MOST_CHUNKS.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from easel.domain.prompt import Piece, Reading, pattern_of
from easel.engine.request import WeightsFile

MOST_CHUNKS: Final = 16
"""1200 tokens of a full-sized text encoder. The time of a network call grows with them."""
NEAR_COMMA: Final = (20, 75)
"""How far back a full chunk may end for a comma's sake: so many tokens of so many."""

STAND_IN: Final = 0
"""The token id where a vector of an embedding goes."""


@dataclass(frozen=True, slots=True)
class Alphabet:
    """What a tokenizer makes of text, and what a chunk is made with."""

    tokens: Callable[[str], Sequence[int]]
    """Of a text alone, without begin or end."""
    room: int
    """Tokens of text in a chunk, begin and end not counted."""
    begin: int
    end: int
    padding: int
    comma: int | None


@dataclass(frozen=True, slots=True)
class Placed:
    """A vector of an embedding and its place in a chunk."""

    at: int
    embedding: WeightsFile
    number: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one call of a text encoder reads. Equal chunks are read alike: nothing else matters to the encoder."""

    tokens: tuple[int, ...]
    """Begin, text, end and padding: `room` + 2."""
    weights: tuple[float, ...]
    """One for each token; none when all are 1."""
    placed: tuple[Placed, ...]
    length: int
    """Tokens of text."""


@dataclass(frozen=True, slots=True)
class _Token:
    id: int
    weight: float
    embedding: WeightsFile | None = None
    number: int = 0


Chunks: TypeAlias = tuple[Chunk, ...]
"""The same part of a text for each text encoder of a family."""

Counted: TypeAlias = Mapping[WeightsFile, int]
"""How many vectors each embedding has."""


def chunks_of(reading: Reading, alphabet: Alphabet, embeddings: Counted) -> list[Chunk]:
    """One at the least, however little is said."""
    names = _Names(embeddings)
    chunks: list[Chunk] = []
    for number, section in enumerate(reading):
        runs = [run for piece in section for run in _runs(piece, names, alphabet)]
        filled = list(_fill(runs, alphabet))
        # Only the last section may say nothing and leave no chunk.
        is_last = number == len(reading) - 1
        chunks += filled if filled or (is_last and chunks) else [_close([], alphabet)]
    return chunks


def _runs(piece: Piece, names: "_Names", alphabet: Alphabet) -> Iterator[list[_Token]]:
    """Tokens that stay together: one of text, or all vectors of an embedding."""
    for text, embedding, count in names.split(piece.text):
        if embedding is None:
            yield from ([_Token(id, piece.weight)] for id in alphabet.tokens(text))
        else:
            yield [_Token(STAND_IN, piece.weight, embedding, number) for number in range(count)]


def _fill(runs: Sequence[list[_Token]], alphabet: Alphabet) -> Iterator[Chunk]:
    chunk: list[_Token] = []
    after_comma = 0
    near = NEAR_COMMA[0] * alphabet.room // NEAR_COMMA[1]
    for run in runs:
        if len(chunk) + len(run) > alphabet.room:
            is_full = len(chunk) == alphabet.room
            is_near = after_comma > 0 and len(chunk) - after_comma < near
            end = after_comma if is_full and is_near and not _is_comma(run, alphabet) else len(chunk)
            yield _close(chunk[:end], alphabet)
            chunk, after_comma = chunk[end:], 0
            if len(chunk) + len(run) > alphabet.room:
                yield _close(chunk, alphabet)
                chunk = []
        chunk += run
        if _is_comma(run, alphabet):
            after_comma = len(chunk)
    if chunk:
        yield _close(chunk, alphabet)


def _is_comma(run: Sequence[_Token], alphabet: Alphabet) -> bool:
    return run[0].embedding is None and run[0].id == alphabet.comma


def _close(inside: Sequence[_Token], alphabet: Alphabet) -> Chunk:
    padding = alphabet.room - len(inside)
    weights = (1.0, *(token.weight for token in inside), *(1.0,) * (padding + 1))
    return Chunk(
        tokens=(alphabet.begin, *(token.id for token in inside), alphabet.end, *(alphabet.padding,) * padding),
        weights=() if all(weight == 1 for weight in weights) else weights,
        placed=tuple(
            Placed(at, token.embedding, token.number) for at, token in enumerate(inside, start=1) if token.embedding
        ),
        length=len(inside),
    )


class _Names:
    """Finds embeddings in a text."""

    def __init__(self, embeddings: Counted) -> None:
        self._known = {file.name.lower(): (file, count) for file, count in embeddings.items()}
        self._pattern = pattern_of(self._known)

    def split(self, text: str) -> Iterator[tuple[str, WeightsFile | None, int]]:
        if self._pattern is None:
            yield text, None, 0
            return
        for number, part in enumerate(self._pattern.split(text)):
            if number % 2:
                yield part, *self._known[part.lower()]
            else:
                yield part, None, 0
