"""Safetensors files, looked at before anything is read of them. No torch here.

The layout (https://github.com/huggingface/safetensors#format): eight bytes that say how long the header is, a JSON
object of names, types, shapes and places, then the tensors' bytes without a gap. Files come from strangers, so nothing
in one is believed: whatever is not exactly so is refused with a sentence that names the file.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NoReturn

from easel.domain.errors import InvalidRequest

LONGEST_HEADER = 100_000_000
"""Bytes; the format's own limit."""

BITS: Final[Mapping[str, int]] = {
    **dict.fromkeys(("F64", "I64", "U64"), 64),
    **dict.fromkeys(("F32", "I32", "U32"), 32),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 16),
    **dict.fromkeys(("F8_E4M3", "F8_E5M2", "I8", "U8", "BOOL"), 8),
}

FLOATS: Final = frozenset({"F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"})


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """A tensor of a file: what it is and where its bytes lie."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    """From the beginning of the file."""
    bytes: int

    @property
    def count(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)

    @property
    def is_float(self) -> bool:
        return self.dtype in FLOATS


@dataclass(frozen=True, slots=True)
class TensorFile:
    """A file whose header holds together."""

    path: Path
    tensors: Mapping[str, TensorInfo]
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def parameters(self) -> int:
        """How many numbers the file has in all."""
        return sum(tensor.count for tensor in self.tensors.values())


def read_header(path: Path) -> TensorFile:
    """Raises InvalidRequest, naming the file, for what is no whole safetensors file."""
    try:
        if not path.is_file():
            raise refuse(path, "is no file")
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if size < 8 or length > size - 8:
                raise refuse(path, "is cut short, or is no safetensors file")
            if length > LONGEST_HEADER:
                raise refuse(path, f"has a header of {length:,} bytes, where {LONGEST_HEADER:,} are allowed")
            raw = file.read(length)
    except OSError as error:
        raise refuse(path, f"cannot be read ({error.strerror})") from None
    return _parse(path, raw, data_start=8 + length, data_bytes=size - 8 - length)


def refuse(path: Path, why: str) -> InvalidRequest:
    """The refusal for a file of weights that is not what it should be."""
    return InvalidRequest("model_id", f"{path} {why}; download or save it again.")


def _parse(path: Path, raw: bytes, data_start: int, data_bytes: int) -> TensorFile:
    try:
        header = json.loads(raw, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise refuse(path, "has a header that is no JSON") from None
    if not isinstance(header, dict):
        raise refuse(path, "has a header that is no JSON object")
    said: Any = header.pop("__metadata__", {})
    if not isinstance(said, dict):
        raise refuse(path, "has metadata that are no JSON object")
    metadata = {str(key): str(value) for key, value in said.items()}
    tensors = {str(name): _tensor(path, str(name), entry, data_start) for name, entry in header.items()}
    end = data_start
    for name, tensor in sorted(tensors.items(), key=lambda named: (named[1].start, named[1].bytes)):
        if tensor.start != end:
            raise refuse(path, f"has tensors that overlap or leave a gap, such as {name[:100]}")
        end += tensor.bytes
    if end != data_start + data_bytes:
        raise refuse(path, f"should have {end:,} bytes and has {data_start + data_bytes:,}")
    return TensorFile(path, tensors, metadata)


def _tensor(path: Path, name: str, entry: Any, data_start: int) -> TensorInfo:
    match entry:
        case {"dtype": str(dtype), "shape": list(shape), "data_offsets": [int(begin), int(end)]}:
            pass
        case _:
            raise refuse(path, f"describes its tensor {name[:100]} in a way that is not the format's")
    if dtype not in BITS:
        raise refuse(path, f"has numbers of an unknown type {dtype[:20]!r}")
    if not all(type(side) is int and 0 <= side < 2**40 for side in shape) or len(shape) > 8:
        raise refuse(path, f"has a tensor {name[:100]} of an impossible shape")
    tensor = TensorInfo(dtype, tuple(shape), data_start + begin, end - begin)
    if begin < 0 or tensor.count * BITS[dtype] != tensor.bytes * 8:
        raise refuse(path, f"has a tensor {name[:100]} whose size is not that of its shape")
    return tensor


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)
