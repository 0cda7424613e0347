"""One safetensors file out of pieces of another: bytes are copied, never interpreted. No torch here."""

import hashlib
import json
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from easel.engine.tensorfile import BITS, TensorFile

CHUNK = 16 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A tensor to be written: where its bytes lie in the file that it comes from."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    start: int
    bytes: int
    is_transposed: bool = False
    """Rows become columns; `shape` is that of the result."""


def write_pieces(path: Path, source: TensorFile, pieces: Sequence[Piece]) -> None:
    """Write `path` anew, the widest numbers first, so that each tensor begins where its type asks for."""
    ordered = sorted(pieces, key=lambda piece: (-BITS[piece.dtype], piece.name))
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for piece in ordered:
        header[piece.name] = {"dtype": piece.dtype, "shape": piece.shape, "data_offsets": [end, end + piece.bytes]}
        end += piece.bytes
    raw = json.dumps(header, separators=(",", ":")).encode()
    raw += b" " * (-len(raw) % 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as out, source.path.open("rb") as file:
        out.write(struct.pack("<Q", len(raw)) + raw)
        for piece in ordered:
            _copy(file, out, piece)
        out.flush()
        os.fsync(out.fileno())


def sha256_of(path: Path) -> str:
    """In hexadecimal digits, lower case."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _copy(file: BinaryIO, out: BinaryIO, piece: Piece) -> None:
    file.seek(piece.start)
    if piece.is_transposed:
        rows = np.frombuffer(file.read(piece.bytes), dtype=f"V{BITS[piece.dtype] // 8}")
        out.write(np.ascontiguousarray(rows.reshape(piece.shape[::-1]).T).tobytes())
        return
    left = piece.bytes
    while left:
        chunk = file.read(min(CHUNK, left))
        if not chunk:
            raise OSError(f"{file.name} was cut short while it was read")
        out.write(chunk)
        left -= len(chunk)
