import io

import numpy as np
from PIL import Image

from easel.artifacts.encode import SAMPLER_TITLES, SPACING_TITLES, encode_png, infotext
from easel.domain.request import GenerationRequest
from easel.domain.sampling import Sampler, Spacing

REQUEST = GenerationRequest(
    model_id="m",
    prompt="a (red:1.2) star",
    negative_prompt="blurry, grey",
    width=16,
    height=8,
    samples=2,
    steps=20,
    guidance=7.5,
    seed=2**32 - 1,
    sampler=Sampler.DPMPP_2M,
    spacing=Spacing.KARRAS,
)


def test_infotext_is_what_the_field_reads() -> None:
    lines = infotext(REQUEST, index=0, model_name="a, model", model_hash="0123456789abcdef").split("\n")
    assert lines[:2] == ["a (red:1.2) star", "Negative prompt: blurry, grey"]
    assert lines[2].startswith(
        "Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7.5, Seed: 4294967295, Size: 16x8, "
        'Model hash: 0123456789, Model: "a, model", RNG: CPU, Version: easel '
    )


def test_every_sampler_and_spacing_has_a_title() -> None:
    assert set(SAMPLER_TITLES) == set(Sampler)
    assert set(SPACING_TITLES) == set(Spacing)


def test_picture_two_says_its_own_seed_and_seeds_wrap() -> None:
    assert "Seed: 0, " in infotext(REQUEST, index=1, model_name="m", model_hash=None)


def test_png_keeps_pixels_and_text_and_is_the_same_twice() -> None:
    image = np.arange(8 * 16 * 3, dtype=np.uint8).reshape(8, 16, 3)
    data = encode_png(image, "ein Würfel\nSteps: 1")
    assert data == encode_png(image, "ein Würfel\nSteps: 1")
    with Image.open(io.BytesIO(data)) as read:
        assert read.info["parameters"] == "ein Würfel\nSteps: 1"
        assert (np.asarray(read) == image).all()
