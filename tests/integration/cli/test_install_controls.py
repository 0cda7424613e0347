"""easel models install: ControlNets."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from diffusers import ControlNetModel
from safetensors.torch import load_file, save_file

from easel.catalogue.queries import find_model
from easel.db.session import Database

Easel = Callable[..., str]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of Stable Diffusion 2's width of text, and small otherwise."""
    ControlNetModel(
        cross_attention_dim=1024,
        block_out_channels=(32, 64),
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        layers_per_block=1,
        attention_head_dim=4,
        conditioning_embedding_out_channels=(8, 8, 8, 8),
    ).save_pretrained(tmp_path / "control")
    return tmp_path / "control"


def test_a_folder_is_used_where_it_is(easel: Easel, database: Database, folder: Path) -> None:
    said = easel("models", "install", "my-canny", "--kind", "controlnet", "--from", str(folder))
    assert said.startswith(f"my-canny is installed: {folder}\n")
    with database.transaction() as session:
        model = find_model(session, "my-canny")
        assert (model.kind, model.family, model.weights) == ("controlnet", "sd2", str(folder))
        assert (model.facts, model.format) == ({"control_type": "canny"}, "diffusers")


def test_what_it_reads_is_asked_for_where_its_name_does_not_say(easel: Easel, folder: Path) -> None:
    said = easel("models", "install", "mine", "--kind", "controlnet", "--from", str(folder))
    assert "requests say controlnet_type" in said


def test_what_is_none_is_refused(easel: Easel, folder: Path, tmp_path: Path) -> None:
    install = ("models", "install", "mine", "--kind", "controlnet", "--from")
    assert "made for checkpoints of family sd2, and not of sd1" in easel(*install, str(folder), "--family", "sd1")
    weights = folder / "diffusion_pytorch_model.safetensors"
    assert "give the folder that holds its config.json" in easel(*install, str(weights))
    (tmp_path / "one.ckpt").write_bytes(b"pickle")
    assert "is a pickle" in easel(*install, str(tmp_path / "one.ckpt"))
    tensors = load_file(weights)
    tensors["conv_in.weight"] = torch.zeros(1)
    save_file(tensors, weights)
    assert "ControlNet mine: " in easel(*install, str(folder))
    assert "mine" not in easel("models", "list").split()
