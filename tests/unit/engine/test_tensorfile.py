"""Safetensors files as strangers send them."""

import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from easel.domain.errors import InvalidRequest
from easel.engine.reading import Form, read_tensors
from easel.engine.tensorfile import read_header

PLAIN = {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def make(header: Any = None, data: bytes = bytes(8), *, length: int | None = None) -> Path:
        raw = header if isinstance(header, bytes) else json.dumps(PLAIN if header is None else header).encode()
        path = tmp_path / "it.safetensors"
        path.write_bytes(struct.pack("<Q", len(raw) if length is None else length) + raw + data)
        return path

    return make


def test_every_type_is_read_as_the_library_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "all.safetensors"
    kinds = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.uint8, torch.bool]
    stored = {str(kind): torch.arange(6).reshape(2, 3).to(kind) for kind in kinds}
    stored |= {"scalar": torch.tensor(3.0), "none": torch.zeros(0, 4), "conv": torch.randn(4, 3, 2, 2)}
    save_file(stored, path, metadata={"title": "all"})
    file = read_header(path)
    read = read_tensors(file, list(file.tensors), Form(dtype=torch.float32, channels_last=True))
    for name, tensor in load_file(path).items():
        wanted = tensor.float() if tensor.is_floating_point() else tensor
        assert torch.equal(read[name], wanted), name
        assert read[name].dtype == wanted.dtype
    assert read["conv"].is_contiguous(memory_format=torch.channels_last)
    assert dict(file.metadata) == {"title": "all"}
    assert file.parameters == sum(tensor.numel() for tensor in stored.values())


def entry(**changed: Any) -> dict[str, Any]:
    return {"a": {**PLAIN["a"], **changed}}


BROKEN = {
    "nothing": (lambda write: write(b"", b"", length=0), "no JSON"),
    "less than a length": (lambda write: _cut(write(), 5), "cut short"),
    "a header of 8 GB": (lambda write: write(length=8 * 2**30), "cut short"),
    "a length of all ones": (lambda write: write(length=2**64 - 1), "cut short"),
    "half the data": (lambda write: _cut(write(), -4), "should have"),
    "more data": (lambda write: write(data=bytes(12)), "should have"),
    "no JSON": (lambda write: write(b"{"), "no JSON"),
    "deep JSON": (lambda write: write(b"[" * 200_000), "no JSON"),
    "NaN": (lambda write: write(b'{"a": NaN}'), "no JSON"),
    "a list": (lambda write: write([]), "no JSON object"),
    "a name twice": (lambda write: write(b'{"a": 1, "a": 1}'), "no JSON"),
    "metadata of a number": (lambda write: write({"__metadata__": 3}), "metadata"),
    "no entry": (lambda write: write({"a": 3}), "not the format's"),
    "an unknown type": (lambda write: write(entry(dtype="F4096")), "unknown type"),
    "a shape below zero": (lambda write: write(entry(shape=[-2])), "impossible shape"),
    "a huge shape": (lambda write: write(entry(shape=[2**62, 2**62])), "impossible shape"),
    "a shape of words": (lambda write: write(entry(shape=["2"])), "impossible shape"),
    "a shape of truths": (lambda write: write(entry(shape=[True, True])), "impossible shape"),
    "more than its shape": (lambda write: write(entry(shape=[1])), "not that of its shape"),
    "offsets backwards": (lambda write: write(entry(data_offsets=[8, 0])), "not that of its shape"),
    "offsets before the data": (lambda write: write(entry(data_offsets=[-8, 0])), "not that of its shape"),
    "an overlap": (lambda write: write(PLAIN | {"b": PLAIN["a"]}), "overlap"),
    "a gap": (lambda write: write(entry(data_offsets=[8, 16]), bytes(16)), "overlap or leave a gap"),
    "a folder": (lambda write: write().parent, "is no file"),
    "nowhere": (lambda write: write().with_name("else"), "is no file"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_no_whole_file_is_refused_by_name(write: Callable[..., Path], what: str) -> None:
    make, said = BROKEN[what]
    path = make(write)
    with pytest.raises(InvalidRequest) as refusal:
        read_header(path)
    assert str(path) in refusal.value.message
    assert said in refusal.value.message
    assert refusal.value.message.endswith(".")


def test_a_file_cut_short_after_its_header_was_read_is_refused(write: Callable[..., Path]) -> None:
    file = read_header(write())
    _cut(file.path, -4)
    with pytest.raises(InvalidRequest, match="cut short while it was read"):
        read_tensors(file, ["a"], Form(dtype=torch.float32))


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_numbers_that_are_none_are_refused_by_tensor(tmp_path: Path, number: float, dtype: torch.dtype) -> None:
    path = tmp_path / "it.safetensors"
    save_file({"fine": torch.ones(3), "bad": torch.tensor([1, number, 1], dtype=dtype)}, path)
    with pytest.raises(InvalidRequest, match=r"it\.safetensors has a tensor bad with numbers that are not finite"):
        read_tensors(read_header(path), ["fine", "bad"], Form(dtype=torch.float32))


def test_large_numbers_whose_sum_is_none_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "it.safetensors"
    save_file({"large": torch.full((8,), 3e38)}, path)
    read = read_tensors(read_header(path), ["large"], Form(dtype=torch.float32))
    assert read["large"][0] == torch.tensor(3e38)


def _cut(path: Path, length: int) -> Path:
    path.write_bytes(path.read_bytes()[:length])
    return path
