"""A LoRA learns a style, and what is written loads in diffusers."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors import safe_open

from easel.catalogue.weights import PACKAGE, weights_folder
from easel.domain.errors import InvalidRequest
from easel.train import drawing, lora, styles

STARTER = weights_folder(f"{PACKAGE}easel-starter")
TINY = lora.Recipe(steps=3, rank=2, batch=2, pictures=10, rate=0.02)


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lora.train(tmp_path_factory.mktemp("lora"), STARTER, TINY)


def drawn(adapter: Path | None) -> np.ndarray:
    return drawing.from_pipeline(STARTER, steps=2, adapter=adapter)(["a red star"], [1])[0]


def test_it_begins_by_changing_nothing():
    pipeline = StableDiffusionPipeline.from_pretrained(STARTER, safety_checker=None)
    inputs = torch.randn(1, 8, 16, 16), torch.tensor([500]), torch.randn(1, 32, 192)
    with torch.no_grad():
        before = pipeline.unet(*inputs).sample
        adapted = lora.adapt(pipeline.unet, 4)
        assert torch.equal(pipeline.unet(*inputs).sample, before)
    assert {name.split(".")[-1] for name in adapted} >= {"to_q", "to_k", "to_v", "time_emb_proj"}


def test_diffusers_loads_what_it_wrote_and_draws_otherwise(adapter: Path):
    pytest.importorskip("peft")
    assert not np.array_equal(drawn(adapter), drawn(None))


def test_the_file_says_what_it_is_for(adapter: Path):
    with safe_open(adapter, framework="pt") as weights:
        said, names = weights.metadata(), list(weights.keys())
    assert said["easel.base_model"] == "easel-starter"
    assert said["easel.rank"] == "2"
    assert len(said["easel.base_sha256"]) == 64
    assert all(name.startswith("unet.") and ".lora_" in name for name in names)
    assert json.loads((adapter.parent / "training.json").read_text())["steps"] == 3


def test_the_loss_falls(tmp_path: Path):
    lora.train(tmp_path, STARTER, lora.Recipe(steps=24, rank=4, batch=4, pictures=10, rate=0.01))
    losses = [json.loads(line)["loss"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert np.mean(losses[-8:]) < np.mean(losses[:8])


def test_a_pixelated_picture_is_in_its_style_and_keeps_its_colours():
    picture = torch.rand(3, 64, 64) * 255
    restyled = styles.pixelated(picture, 16)
    as_bytes = [p.permute(1, 2, 0).numpy() for p in (picture, restyled)]
    assert lora.distance(as_bytes[1:], "pixelated", 16) < 1e-3 < lora.distance(as_bytes[:1], "pixelated", 16)
    assert torch.allclose(restyled.mean((1, 2)), picture.mean((1, 2)))


def test_an_unknown_style_is_refused_with_a_sentence(tmp_path: Path):
    with pytest.raises(InvalidRequest, match="there are pixelated"):
        lora.train(tmp_path, STARTER, lora.Recipe(style="baroque"))
