"""Single-file ControlNets made into folders."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import ControlNetModel, UNet2DConditionModel
from ldm import make_networks, unet_name, write_header, write_ldm

from easel.domain.errors import InvalidRequest
from easel.engine.control.file import open_control
from easel.engine.control.network import load_control
from easel.engine.families.source import Source
from easel.engine.ldm.control import control_settings, convert_control, is_single_file
from easel.engine.request import WeightsFile
from easel.engine.tensorfile import read_header

CPU = torch.device("cpu")


def as_ldm(network: Any, unet: Any, prefix: str = "") -> dict[str, torch.Tensor]:
    """The names turned back."""
    layers, embedding = network.config.layers_per_block, network.controlnet_cond_embedding
    tensors: dict[str, torch.Tensor] = {}
    for name, tensor in network.state_dict().items():
        place, _, kind = name.rpartition(".")
        if place.startswith("controlnet_down_blocks."):
            tensors[f"zero_convs.{place.split('.')[1]}.0.{kind}"] = tensor
        elif place == "controlnet_mid_block":
            tensors[f"middle_block_out.0.{kind}"] = tensor
        elif not place.startswith("controlnet_cond_embedding."):
            tensors[unet_name(name, layers, unet).removeprefix("model.diffusion_model.")] = tensor
    for at, convolution in enumerate([embedding.conv_in, *embedding.blocks, embedding.conv_out]):
        tensors |= {f"input_hint_block.{2 * at}.{kind}": value for kind, value in convolution.state_dict().items()}
    return {f"{prefix}{name}": tensor for name, tensor in tensors.items()}


@pytest.mark.parametrize(("family", "prefix"), [("sd1", "control_model."), ("sd2", ""), ("sdxl", "")])
def test_it_is_the_same_network(tmp_path: Path, family: str, prefix: str) -> None:
    """But for what a small one cannot say: which family it is of, and so how many heads it has."""
    unet = make_networks(family)["unet"]
    torch.manual_seed(1)
    network = ControlNetModel.from_unet(
        unet, conditioning_embedding_out_channels=(8, 16, 24, 32), load_weights_from_unet=False
    )
    file = read_header(write_ldm(tmp_path / "one.safetensors", as_ldm(network, unet, prefix)))
    assert is_single_file(file)
    convert_control(file, tmp_path / "made")
    kept = json.loads((tmp_path / "made" / "config.json").read_text())
    told = ("attention_head_dim", "addition_time_embed_dim")
    for name in ("in_channels", "block_out_channels", "cross_attention_dim", "conditioning_embedding_out_channels"):
        assert list(as_list(kept[name])) == list(as_list(network.config[name])), name
    # What only the real sizes say is set right, to compare the weights themselves.
    kept |= {name: network.config[name] for name in told if network.config[name] is not None}
    (tmp_path / "made" / "config.json").write_text(json.dumps(kept))
    load_control(Source(tmp_path / "made", CPU, torch.float32))
    made = ControlNetModel.from_pretrained(tmp_path / "made")
    assert {name: tensor.shape for name, tensor in made.state_dict().items()} == {
        name: tensor.shape for name, tensor in network.state_dict().items()
    }
    assert all(torch.equal(tensor, network.state_dict()[name]) for name, tensor in made.state_dict().items())


def as_list(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


@pytest.mark.parametrize(
    ("family", "settings"),
    [
        ("sd1", {}),
        ("sd2", {"cross_attention_dim": 1024, "attention_head_dim": [5, 10, 20, 20], "use_linear_projection": True}),
        (
            "sdxl",
            {
                "cross_attention_dim": 2048,
                "attention_head_dim": [5, 10, 20],
                "use_linear_projection": True,
                "block_out_channels": (320, 640, 1280),
                "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
                "transformer_layers_per_block": [1, 2, 10],
                "addition_embed_type": "text_time",
                "addition_time_embed_dim": 256,
                "projection_class_embeddings_input_dim": 2816,
            },
        ),
    ],
)
def test_the_real_sizes_are_read_off_the_shapes(tmp_path: Path, family: str, settings: dict[str, Any]) -> None:
    with torch.device("meta"):
        network = ControlNetModel(**{"cross_attention_dim": 768, **settings})
        unet = UNet2DConditionModel.from_config(
            {name: value for name, value in network.config.items() if "conditioning" not in name}
            | {"up_block_types": ("UpBlock2D",) * len(network.config.block_out_channels)}
        )
    shapes = {name: tuple(tensor.shape) for name, tensor in as_ldm(network, unet).items()}
    found = control_settings(shapes)
    with torch.device("meta"):
        made = ControlNetModel.from_config(found)
    assert {name: tensor.shape for name, tensor in made.state_dict().items()} == {
        name: tensor.shape for name, tensor in network.state_dict().items()
    }
    heads = network.config.attention_head_dim
    assert made.config.attention_head_dim == (list(heads) if isinstance(heads, list | tuple) else heads)


def test_a_checkpoint_is_none(tmp_path: Path) -> None:
    file = read_header(write_header(tmp_path / "other.safetensors", {"model.diffusion_model.out.2.weight": (4, 4)}))
    assert not is_single_file(file)
    with pytest.raises(InvalidRequest, match="ControlNet odd: "):
        open_control(WeightsFile(name="odd", file=tmp_path))
