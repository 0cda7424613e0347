"""Tensors out of safetensors files into memory of our own, in parallel.

They are read, not mapped: a file that is replaced or cut short under a running process then harms nobody, where a
mapping would change the weights of a model in use, or end the process.
"""

import os
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias, cast

import torch
from typing_extensions import Buffer

from easel.engine.tensorfile import TensorFile, TensorInfo, refuse

Tensors: TypeAlias = dict[str, torch.Tensor]

DTYPES: Final[Mapping[str, torch.dtype]] = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U64": torch.uint64,
    "U32": torch.uint32,
    "U16": torch.uint16,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}

THREADS = 4
"""Enough to keep a fast disk busy; more only wait for each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How tensors are wanted in memory."""

    dtype: torch.dtype
    """Of those that are floating point in the file; others stay as they are."""
    channels_last: bool = False
    """Those of four dimensions, a convolution's weights, in the order that convolutions are fastest in."""
    pinned: bool = False
    """Where a GPU fetches them without the CPU's help."""


def read_tensors(file: TensorFile, names: Collection[str], form: Form) -> Tensors:
    """These tensors of the file. Raises InvalidRequest, naming it, where it is cut short or holds what is no number."""
    try:
        descriptor = os.open(file.path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise refuse(file.path, f"cannot be read ({error.strerror})") from None
    try:
        with ThreadPoolExecutor(THREADS, thread_name_prefix="read") as pool:
            reads = {name: pool.submit(_read, descriptor, file.path, name, file.tensors[name], form) for name in names}
            return {name: read.result() for name, read in reads.items()}
    finally:
        os.close(descriptor)


def _read(descriptor: int, path: Path, name: str, info: TensorInfo, form: Form) -> torch.Tensor:
    tensor = torch.empty(info.shape, dtype=DTYPES[info.dtype])
    _fill(descriptor, path, info, tensor)
    if info.is_float:
        _check_numbers(path, name, tensor)
        tensor = tensor.to(form.dtype)
    if form.channels_last and tensor.dim() == 4:
        tensor = tensor.contiguous(memory_format=torch.channels_last)
    return tensor.pin_memory() if form.pinned else tensor


def _fill(descriptor: int, path: Path, info: TensorInfo, tensor: torch.Tensor) -> None:
    if not info.bytes:
        return
    room = memoryview(cast(Buffer, tensor.view(-1).view(torch.uint8).numpy()))
    at = 0
    while at < info.bytes:
        try:
            read = os.preadv(descriptor, [room[at:]], info.start + at)
        except OSError as error:
            raise refuse(path, f"cannot be read ({error.strerror})") from None
        if not read:
            raise refuse(path, "was cut short while it was read")
        at += read


def _check_numbers(path: Path, name: str, tensor: torch.Tensor) -> None:
    """One pass over the numbers, and a second only where their sum is no number: it may merely be too large."""
    numbers = tensor.float() if tensor.element_size() == 1 else tensor
    wide = torch.float64 if tensor.dtype == torch.float64 else torch.float32
    if not bool(torch.isfinite(numbers.sum(dtype=wide))) and not bool(torch.isfinite(numbers).all()):
        raise refuse(path, f"has a tensor {name[:100]} with numbers that are not finite")
