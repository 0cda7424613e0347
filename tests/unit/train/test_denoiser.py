"""The tiny run: it finishes, resumes to the same loss, and what it exports loads in diffusers."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

from easel.domain.errors import InvalidRequest
from easel.train import autoencoder, checkpoint, data, denoiser, drawing, export, text_encoder
from easel.train import tokenizer as tokens

TINY: dict[str, Any] = {"batch": 8, "channels": (16, 32), "warmup": 2}


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Untrained encoders and a cache of 64-pixel drawings."""
    run = tmp_path_factory.mktemp("run")
    torch.manual_seed(0)
    vocabulary = tokens.build()
    text_encoder.build(vocabulary, width=32, layers=1).save_pretrained(run / "text_encoder")
    tokens.save(vocabulary, run / "text_encoder" / "tokenizer")
    autoencoder.build().save_pretrained(run / "autoencoder")
    data.make(run / "cache", run / "autoencoder", run / "text_encoder", 1, resolution=64)
    return run


def losses(run: Path) -> list[float]:
    return [event["loss"] for event in checkpoint.read_log(run / "log.jsonl")]


def test_a_run_that_is_cut_and_resumed_goes_on_to_the_same_loss(stages: Path, tmp_path: Path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    recipe = denoiser.Recipe(steps=6, decay_from=1.1, **TINY)
    denoiser.train(whole, stages / "cache", recipe)
    denoiser.train(cut, stages / "cache", denoiser.Recipe(steps=3, decay_from=1.1, **TINY))
    denoiser.train(cut, stages / "cache", recipe, resume=True)
    assert losses(cut) == losses(whole)
    assert len(losses(whole)) == 6
    first, second = (checkpoint.load(run / "checkpoint.pt") for run in (whole, cut))
    assert all(torch.equal(value, second["average"][name]) for name, value in first["average"].items())


def test_a_run_shows_its_loss_and_samples(stages: Path, tmp_path: Path):
    denoiser.train(tmp_path, stages / "cache", denoiser.Recipe(steps=2, **TINY), stages=stages)
    assert (tmp_path / "loss.png").stat().st_size > 1000
    with Image.open(tmp_path / "samples" / "000000016.png") as grid:
        assert grid.width > 5 * 64


def test_the_exported_folder_is_an_ordinary_one(stages: Path, tmp_path: Path):
    recipe = denoiser.Recipe(steps=1, **TINY)
    denoiser.train(tmp_path / "run", stages / "cache", recipe)
    megabytes = export.export(
        tmp_path / "model", run=tmp_path / "run", autoencoder=stages / "autoencoder", encoder=stages / "text_encoder"
    )
    assert megabytes < 30
    pipeline = StableDiffusionPipeline.from_pretrained(tmp_path / "model", safety_checker=None)
    assert pipeline.unet.dtype == pipeline.text_encoder.dtype == torch.float32
    assert pipeline.scheduler.config.prediction_type == "v_prediction"
    pictures = drawing.from_pipeline(tmp_path / "model", steps=2)(["a red star", "two blue rings"], [1, 2])
    assert [picture.shape for picture in pictures] == [(64, 64, 3)] * 2
    assert not any(str(tmp_path) in config.read_text() for config in (tmp_path / "model").rglob("*.json"))


def test_resuming_nothing_is_refused_with_a_sentence(stages: Path, tmp_path: Path):
    with pytest.raises(InvalidRequest, match="There is no checkpoint"):
        denoiser.train(tmp_path, stages / "cache", denoiser.Recipe(steps=1, **TINY), resume=True)


def test_a_checkpoint_without_a_reader_is_refused_with_a_sentence(stages: Path, tmp_path: Path):
    recipe = denoiser.Recipe(steps=1, **TINY)
    denoiser.train(tmp_path, stages / "cache", recipe)
    state = checkpoint.load(tmp_path / "checkpoint.pt")
    checkpoint.save(tmp_path / "checkpoint.pt", {name: part for name, part in state.items() if name != "reader"})
    with pytest.raises(InvalidRequest, match="--start-from"):
        denoiser.train(tmp_path, stages / "cache", recipe, resume=True)


def test_an_empty_cache_is_refused_with_a_sentence(tmp_path: Path):
    np.save(tmp_path / "empty.npy", np.zeros((32, 8), np.float16))
    with pytest.raises(InvalidRequest, match="easel train cache"):
        denoiser.train(tmp_path / "run", tmp_path, denoiser.Recipe(steps=1, **TINY))


def test_the_learning_rate_warms_up_stays_and_falls():
    recipe = denoiser.Recipe(rate=1.0, warmup=10, decay_from=0.5, floor=0.1)
    rates = [
        denoiser.learning_rate(recipe, step, done)
        for step, done in ((0, 0.0), (9, 0.1), (500, 0.5), (750, 0.75), (999, 1.0))
    ]
    assert rates == pytest.approx([0.1, 1.0, 1.0, 0.55, 0.1])


def test_the_second_stage_begins_with_the_first_one_s_average(stages: Path, tmp_path: Path):
    denoiser.train(tmp_path / "one", stages / "cache", denoiser.Recipe(steps=2, **TINY))
    denoiser.train(
        tmp_path / "two", stages / "cache", denoiser.Recipe(steps=1, rate=0.0, **TINY), start_from=tmp_path / "one"
    )
    before, after = (checkpoint.load(tmp_path / name / "checkpoint.pt")["average"] for name in ("one", "two"))
    assert all(torch.allclose(value, after[name], atol=1e-6) for name, value in before.items())
