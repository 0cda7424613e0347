"""What a super-resolution network is made of, read off its file's header. No torch here.

Two architectures: RRDBNet (ESRGAN, arXiv:1809.00219; Real-ESRGAN, arXiv:2107.10833), in both of the spellings that its
files have, and SRVGGNetCompact, Real-ESRGAN's small one.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from easel.domain.errors import InvalidRequest
from easel.engine.tensorfile import TensorFile, TensorInfo, read_header

WRAPPINGS: Final = ("params_ema.", "params.", "module.", "state_dict.")
"""What some tools put before all names of a file."""

OLD_HEAD: Final = "model.0.weight"
OLD_NAMES: Final[Mapping[str, str]] = {
    "model.0.": "conv_first.",
    "model.3.": "conv_up1.",
    "model.6.": "conv_up2.",
    "model.8.": "conv_hr.",
    "model.10.": "conv_last.",
}
OLD_BLOCK: Final = re.compile(r"model\.1\.sub\.(\d+)\.RDB([123])\.conv([1-5])\.0\.(weight|bias)")
OLD_BODY: Final = re.compile(r"model\.1\.sub\.\d+\.(weight|bias)")
BLOCK: Final = re.compile(r"body\.(\d+)\.rdb1\.conv1\.weight")
LAYER: Final = re.compile(r"body\.(\d+)\.weight")
COLOURS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Residual:
    """An RRDBNet, of four times in itself; a smaller factor is had by folding the input's pixels into channels."""

    factor: int
    blocks: int
    features: int
    growth: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Compact:
    """An SRVGGNetCompact."""

    factor: int
    convolutions: int
    """Between the first and the last."""
    features: int


@dataclass(frozen=True, slots=True)
class UpscalerFile:
    header: TensorFile
    """With Real-ESRGAN's names."""
    network: Residual | Compact


def open_upscaler(path: Path) -> UpscalerFile:
    """Raises InvalidRequest for what is neither of the two."""
    if path.suffix in (".pth", ".pt", ".ckpt"):
        raise InvalidRequest(
            "upscaler",
            f"{path} is a pickle, which can run code when it is read and is never loaded; where you trust it, load it "
            "elsewhere with torch.load(FILE, weights_only=True) and save it with safetensors.torch.save_file",
        )
    found = read_header(path)
    tensors = {_todays_name(name): info for name, info in found.tensors.items()}
    try:
        network = _residual(tensors) if "conv_first.weight" in tensors else _compact(tensors)
    except (KeyError, ValueError):
        raise InvalidRequest(
            "upscaler",
            f"{path} is no upscaler that is known here: ESRGAN, Real-ESRGAN and its compact network are.",
        ) from None
    return UpscalerFile(replace(found, tensors=tensors), network)


def _todays_name(name: str) -> str:
    for wrapping in WRAPPINGS:
        name = name.removeprefix(wrapping)
    if found := OLD_BLOCK.fullmatch(name):
        return "body.{}.rdb{}.conv{}.{}".format(*found.groups())
    if found := OLD_BODY.fullmatch(name):
        return f"conv_body.{found[1]}"
    for old, new in OLD_NAMES.items():
        if name.startswith(old):
            return new + name.removeprefix(old)
    return name


def _residual(tensors: Mapping[str, TensorInfo]) -> Residual:
    features, channels = tensors["conv_first.weight"].shape[:2]
    factors = {COLOURS * fold**2: 4 // fold for fold in (1, 2, 4)}
    growth = tensors["body.0.rdb1.conv1.weight"].shape[0]
    for needed in ("conv_body.weight", "conv_up1.weight", "conv_up2.weight", "conv_hr.weight", "conv_last.weight"):
        _ = tensors[needed]
    return Residual(factor=factors[channels], blocks=_count(tensors, BLOCK), features=features, growth=growth)


def _compact(tensors: Mapping[str, TensorInfo]) -> Compact:
    layers = {int(found[1]): info for name, info in tensors.items() if (found := LAYER.fullmatch(name))}
    convolutions = {number for number, info in layers.items() if len(info.shape) == 4}
    last = max(convolutions)
    if convolutions != set(range(0, last + 1, 2)) or tensors["body.0.weight"].shape[1] != COLOURS:
        raise ValueError("another network")
    factor = math.isqrt(tensors[f"body.{last}.weight"].shape[0] // COLOURS)
    if factor**2 * COLOURS != tensors[f"body.{last}.weight"].shape[0] or factor < 1:
        raise ValueError("another network")
    return Compact(factor=factor, convolutions=len(convolutions) - 2, features=tensors["body.0.weight"].shape[0])


def _count(tensors: Mapping[str, TensorInfo], block: re.Pattern[str]) -> int:
    return 1 + max(int(found[1]) for name in tensors if (found := block.fullmatch(name)))
