"""The safety checker: diffusers' network in its own layout, on pictures of any size."""

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from transformers import CLIPConfig

from easel.domain.errors import InvalidRequest
from easel.engine.safety import SafetyChecker

SMALL = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}


@pytest.fixture
def network() -> StableDiffusionSafetyChecker:
    torch.manual_seed(0)
    vision = SMALL | {"image_size": 32, "patch_size": 16}
    network = StableDiffusionSafetyChecker(CLIPConfig(text_config=SMALL, vision_config=vision, projection_dim=8))
    torch.nn.init.constant_(network.special_care_embeds_weights, 2.0)
    return network


def saved(network: StableDiffusionSafetyChecker, folder: Path, threshold: float) -> Path:
    torch.nn.init.constant_(network.concept_embeds_weights, threshold)
    network.save_pretrained(folder / "safety_checker")
    return folder


def picture(width: int, height: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_a_picture_is_flagged_above_the_threshold_and_stays_as_it_is(network, tmp_path) -> None:
    pictures = [picture(64, 48), picture(20, 200)]
    before = [one.copy() for one in pictures]
    assert SafetyChecker.load(saved(network, tmp_path, -2.0), "cpu")(pictures) == [1, 1]
    assert SafetyChecker.load(saved(network, tmp_path, 2.0), "cpu")(pictures) == [0, 0]
    assert all(np.array_equal(one, was) for one, was in zip(pictures, before, strict=True))


def test_it_sees_what_diffusers_shows_it(network, tmp_path) -> None:
    """A picture of the network's own size: nothing but the colours' mean and spread is changed."""
    checker = SafetyChecker.load(saved(network, tmp_path, 2.0), "cpu")
    one = picture(32, 32)
    mean, std = np.array([0.48145466, 0.4578275, 0.40821073]), np.array([0.26862954, 0.26130258, 0.27577711])
    expected = ((one / 255 - mean) / std).transpose(2, 0, 1)
    assert np.allclose(checker._shown(one), expected, atol=1e-5)


@pytest.mark.parametrize("is_special", [False, True])
def test_it_draws_the_line_where_diffusers_does(network, tmp_path, is_special) -> None:
    """Limits right at a picture's likeness to each concept, so that a thousandth more or less decides."""
    torch.manual_seed(1)
    for concepts in (network.concept_embeds, network.special_care_embeds):
        torch.nn.init.normal_(concepts)
    torch.nn.init.constant_(network.special_care_embeds_weights, -2.0 if is_special else 2.0)
    folder = saved(network, tmp_path, 2.0)
    checker = SafetyChecker.load(folder, "cpu")
    shown = torch.tensor(checker._shown(picture(32, 32)))[None]
    with torch.inference_mode():
        seen = network.visual_projection(network.vision_model(shown)[1])
        likeness = torch.nn.functional.cosine_similarity(seen, network.concept_embeds)
    scores: list[float] = []
    for nearer in (-0.02, -0.011, -0.002, 0.0, 0.002, 0.02):
        network.concept_embeds_weights.data = likeness - nearer
        network.save_pretrained(folder / "safety_checker")
        [score] = SafetyChecker.load(folder, "cpu")([picture(32, 32)])
        assert (score > 0.5) == network(shown, [np.zeros(1)])[1][0], nearer
        scores.append(score)
    bonus = 0.05 if is_special else 0.0
    assert np.allclose(scores, np.array([0.4, 0.445, 0.49, 0.5, 0.51, 0.6]) + bonus, atol=1e-6)


def test_what_is_none_is_refused(tmp_path) -> None:
    with pytest.raises(InvalidRequest, match=r"no config\.json"):
        SafetyChecker.load(tmp_path, "cpu")
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"a pickle")
    with pytest.raises(InvalidRequest, match="no weights in safetensors"):
        SafetyChecker.load(tmp_path, "cpu")
