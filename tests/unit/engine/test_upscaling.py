"""Super-resolution networks: told apart by their files, run in tiles, brought to the size that was asked."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from easel.domain.errors import InvalidRequest
from easel.engine.request import Pixels, WeightsFile
from easel.engine.upscaling.layout import Compact, Residual, open_upscaler
from easel.engine.upscaling.networks import CompactNet, RRDBNet, network_of
from easel.engine.upscaling.upscaler import Upscaler, Upscalers

COMPACT = Compact(factor=2, convolutions=1, features=4)
RESIDUAL = Residual(factor=4, blocks=2, features=4, growth=2)
CPU = torch.device("cpu")


@pytest.fixture
def picture() -> Pixels:
    return np.random.default_rng(0).integers(0, 256, (32, 44, 3), dtype=np.uint8)


def written(folder: Path, tensors: dict[str, torch.Tensor]) -> WeightsFile:
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / "up.safetensors")
    return WeightsFile(name="up", file=folder / "up.safetensors")


def seeded(made_of: Residual | Compact) -> torch.nn.Module:
    torch.manual_seed(0)
    return network_of(made_of)


@pytest.mark.parametrize(
    "made_of",
    [
        RESIDUAL,
        Residual(factor=2, blocks=1, features=4, growth=2),
        Residual(factor=1, blocks=1, features=4, growth=2),
        COMPACT,
        Compact(factor=4, convolutions=3, features=8),
    ],
)
@pytest.mark.parametrize("wrapping", ["", "params_ema."])
def test_a_file_says_what_its_network_is_made_of(made_of: Residual | Compact, wrapping: str, tmp_path, picture) -> None:
    network = seeded(made_of)
    weights = written(tmp_path, {wrapping + name: tensor for name, tensor in network.state_dict().items()})
    assert open_upscaler(weights.file).network == made_of
    enlarged = Upscaler.load(weights, CPU).enlarge(picture, 44 * made_of.factor, 32 * made_of.factor)
    given = torch.tensor(picture).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        expected = network(given).clamp(0, 1)[0].permute(1, 2, 0) * 255
    # A network of factor one is not needed for a picture of the same size.
    assert np.abs(enlarged - (expected.numpy() if made_of.factor > 1 else picture)).max() <= 0.51


def test_the_old_spelling_of_names_is_the_same_network(tmp_path) -> None:
    network = seeded(RESIDUAL)
    old = {"conv_first": "model.0", "conv_body": "model.1.sub.2", "conv_up1": "model.3", "conv_up2": "model.6"}
    old |= {"conv_hr": "model.8", "conv_last": "model.10"}
    named = {}
    for name, tensor in network.state_dict().items():
        head, _, tail = name.partition(".")
        if head == "body":
            block, dense, convolution, kind = tail.split(".")
            named[f"model.1.sub.{block}.{dense.upper()}.{convolution}.0.{kind}"] = tensor
        else:
            named[f"{old[head]}.{tail}"] = tensor
    loaded = Upscaler.load(written(tmp_path, named), CPU).network
    for name, tensor in network.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor), name


def test_a_compact_network_that_finds_nothing_repeats_the_pixels(picture) -> None:
    network = CompactNet(COMPACT)
    for weight in network.parameters():
        torch.nn.init.zeros_(weight)
    enlarged = Upscaler(network, 2, CPU).enlarge(picture, 88, 64)
    assert np.array_equal(enlarged, picture.repeat(2, axis=0).repeat(2, axis=1))


def test_a_residual_network_adds_what_the_paper_adds() -> None:
    """One block by hand: x + 0.2 * conv5, three times, and x + 0.2 * that."""
    network: Any = seeded(RESIDUAL)
    block = network.body[0]
    given = torch.randn(1, 4, 5, 5)
    expected = given
    for dense in (block.rdb1, block.rdb2, block.rdb3):
        seen = [expected]
        for convolve in (dense.conv1, dense.conv2, dense.conv3, dense.conv4):
            seen.append(torch.nn.functional.leaky_relu(convolve(torch.cat(seen, 1)), 0.2))
        expected = expected + 0.2 * dense.conv5(torch.cat(seen, 1))
    assert torch.allclose(block(given), given + 0.2 * expected)


def test_tiles_show_no_seam(picture) -> None:
    network = seeded(COMPACT)
    whole = Upscaler(network, 2, CPU).enlarge(picture, 88, 64)
    tiles = Upscaler(network, 2, CPU, tile=8).enlarge(picture, 88, 64)
    assert np.abs(whole.astype(int) - tiles.astype(int)).max() <= 1


def test_another_size_than_the_networks_own_is_resampled(picture) -> None:
    upscaler = Upscaler(seeded(COMPACT), 2, CPU)
    assert upscaler.enlarge(picture, 132, 96).shape == (96, 132, 3)
    assert upscaler.enlarge(picture, 50, 40).shape == (40, 50, 3)


def test_what_is_no_upscaler_is_refused(tmp_path) -> None:
    with pytest.raises(InvalidRequest, match="never loaded"):
        open_upscaler(tmp_path / "up.pth")
    with pytest.raises(InvalidRequest, match="no upscaler that is known here"):
        open_upscaler(written(tmp_path, {"weight": torch.zeros(3, 3)}).file)
    part = dict(RRDBNet(RESIDUAL).state_dict())
    del part["body.1.rdb2.conv3.weight"]
    with pytest.raises(InvalidRequest, match="lacks tensors"):
        Upscalers("cpu")(written(tmp_path, part), np.zeros((8, 8, 3), np.uint8), 16, 16)
