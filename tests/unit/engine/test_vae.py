"""Autoencoders in the place of a checkpoint's own."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL
from ldm import vae_name
from safetensors.torch import save_file

from easel.engine.events import Failed, Finished
from easel.engine.request import WeightsFile


@pytest.fixture
def other(checkpoint, tmp_path: Path) -> AutoencoderKL:
    """Of the checkpoint's settings, with other weights, in the folder `other`."""
    torch.manual_seed(11)
    vae = AutoencoderKL.from_config(AutoencoderKL.load_config(checkpoint.folder / "vae"))
    vae.save_pretrained(tmp_path / "other")
    return vae


@pytest.fixture
def written(other: AutoencoderKL, tmp_path: Path) -> Callable[[str], WeightsFile]:
    """The other autoencoder in one of the forms that people have them in."""

    def in_form(form: str) -> WeightsFile:
        path = tmp_path / "other"
        tensors = other.state_dict()
        if form == "part of a checkpoint":
            (tmp_path / "checkpoint").mkdir()
            path = path.rename(tmp_path / "checkpoint" / "vae").parent
        elif form != "folder":
            prefix = "first_stage_model." if form == "prefixed" else ""
            if form != "diffusers file":
                tensors = {f"{prefix}{vae_name(name)}": as_convolution(name, each) for name, each in tensors.items()}
            if form == "prefixed":
                tensors["model_ema.decay"] = torch.zeros(1)
            path = tmp_path / "other.safetensors"
            save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
        return WeightsFile(name="other", file=path)

    return in_form


def as_convolution(name: str, tensor: torch.Tensor) -> torch.Tensor:
    return tensor[:, :, None, None] if ".attentions." in name and tensor.dim() == 2 else tensor


@pytest.mark.parametrize("form", ["folder", "part of a checkpoint", "diffusers file", "LDM file", "prefixed"])
def test_it_decodes_what_the_checkpoint_draws(make_picture, draw, checkpoint, other, written, form: str) -> None:
    runner, ended = draw(make_picture(checkpoint=checkpoint, vae=written(form)))
    latents = runner.latents["a"]
    with torch.no_grad():
        picture = other.decode(latents[None] / other.config.scaling_factor).sample[0]
    pixels = ((picture / 2 + 0.5).clamp(0, 1) * 255).round().permute(1, 2, 0).numpy()
    assert isinstance(ended["a"], Finished), ended["a"]
    assert np.abs(ended["a"].image - pixels).max() <= 1
    plain, own = draw(make_picture(checkpoint=checkpoint))
    assert torch.equal(plain.latents["a"], latents)
    assert np.abs(own["a"].image - pixels).max() > 10


def test_it_encodes_what_the_picture_begins_from(make_picture, draw, checkpoint, written) -> None:
    init = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    plain, _ = draw(make_picture(checkpoint=checkpoint, init=init, strength=0.4))
    other, _ = draw(make_picture(checkpoint=checkpoint, init=init, strength=0.4, vae=written("folder")))
    assert not torch.allclose(plain.latents["a"], other.latents["a"], atol=0.01)


def test_pictures_of_different_autoencoders_share_calls(make_picture, draw, checkpoint, written) -> None:
    runner, ended = draw(
        make_picture("own", checkpoint=checkpoint),
        make_picture("other", checkpoint=checkpoint, vae=written("folder")),
        deterministic=False,
    )
    assert all(isinstance(end, Finished) for end in ended.values())
    assert runner.calls < 10
    assert not np.array_equal(ended["own"].image, ended["other"].image)


def change(folder: Path, **settings: Any) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | settings))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"latent_channels": 16}, "its latent_channels is 16"),
        ({"scaling_factor": 0.13025}, "its scaling_factor is 0.13025"),
        ({"latents_mean": [1.0] * 4}, "its latents_mean is"),
        ({"_class_name": "VQModel"}, "is of VQModel"),
        ({"block_out_channels": [16, 16, 32]}, "stands for other pixels"),
        ({"norm_num_groups": 5}, "cannot be loaded"),
        ({"layers_per_block": 2}, "of its tensors are missing"),
    ],
)
def test_one_that_does_not_fit_ends_its_own_picture(
    make_picture, draw, checkpoint, written, settings: dict[str, Any], said: str
) -> None:
    vae = written("folder")
    change(vae.file, **settings)
    _, ended = draw(make_picture("bad", checkpoint=checkpoint, vae=vae), make_picture("good", checkpoint=checkpoint))
    assert isinstance(ended["good"], Finished)
    assert isinstance(ended["bad"], Failed)
    assert "VAE other" in ended["bad"].error
    assert said in ended["bad"].error


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("vae.pt", b"pickle", "is a pickle, which can run code"),
        ("vae.safetensors", b"nonsense", "no safetensors file"),
        ("gone.safetensors", None, "is no file"),
    ],
)
def test_what_is_no_safetensors_file_is_refused(
    make_picture, draw, checkpoint, tmp_path: Path, name: str, data: bytes | None, said: str
) -> None:
    if data is not None:
        (tmp_path / name).write_bytes(data)
    _, ended = draw(make_picture(checkpoint=checkpoint, vae=WeightsFile(name="other", file=tmp_path / name)))
    assert isinstance(ended["a"], Failed)
    assert said in ended["a"].error
