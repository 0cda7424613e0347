import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from easel.artifacts.encode import SAMPLER_TITLES, SPACING_TITLES, encode, encode_png, infotext
from easel.domain.request import AdapterUse, ControlUse, Extras, GenerationRequest
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
        'Model hash: 0123456789, Model: "a, model", RNG: CPU, Emphasis: Original, Version: easel '
    )


def test_loras_stand_in_the_prompt_and_their_hashes_in_the_settings() -> None:
    adapters = (AdapterUse("style", 0.8), AdapterUse("light", 0.5, 0.25))
    request = replace(REQUEST, extras=Extras(adapters=adapters))
    hashes = {"style": "0123456789abcdef", "light": "fedcba9876543210"}
    lines = infotext(request, index=0, model_name="m", model_hash=None, lora_hashes=hashes).split("\n")
    assert lines[0] == "a (red:1.2) star <lora:style:0.8> <lora:light:unet=0.5:te=0.25>"
    assert 'Lora hashes: "style: 0123456789ab, light: fedcba987654", ' in lines[2]


def test_what_goes_with_the_checkpoint_stands_where_the_field_looks_for_it() -> None:
    request = replace(REQUEST, prompt="a star", extras=Extras(vae="sharp", clip_skip=2, embeddings=("bad",)))
    line = infotext(
        request, index=0, model_name="m", model_hash=None, embedding_hashes={"bad": "0123456789abcdef"}
    ).split("\n")[2]
    assert 'Model: m, VAE: sharp, Clip skip: 2, RNG: CPU, TI hashes: "bad: 0123456789ab", Version' in line


def test_controlnets_stand_there_as_the_extension_writes_them() -> None:
    controls = (
        ControlUse(model_id="edges", kind="canny", image="a", scale=0.5, end=0.8),
        ControlUse(model_id="tiles", kind="tile", image="a", guess=True),
    )
    request = replace(REQUEST, prompt="a star", extras=Extras(controls=controls))
    line = infotext(request, index=0, model_name="m", model_hash=None, control_hashes={"edges": "0123456789abcdef"})
    assert (
        'RNG: CPU, ControlNet 0: "Module: canny, Model: edges [01234567], Weight: 0.5, Resize Mode: Crop and Resize, '
        'Guidance Start: 0, Guidance End: 0.8, Pixel Perfect: True, Control Mode: Balanced", '
        'ControlNet 1: "Module: tile_resample, Model: tiles, Weight: 1, ' in line
    )
    assert "Control Mode: ControlNet is more important" in line


def test_infotext_names_what_was_done_inside_the_network() -> None:
    extras = Extras(token_merging=0.5, free_u=True, self_attention=0.75, panorama=True, window=512)
    line = infotext(replace(REQUEST, extras=extras), index=0, model_name="m", model_hash=None)
    assert "Token merging ratio: 0.5, RNG: CPU" in line
    assert "freeu_enabled: True, SAG Guidance Enabled: True, SAG Guidance Scale: 0.75, Panorama window: 512" in line


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


@pytest.mark.parametrize("format", ["jpeg", "webp"])
def test_other_formats_carry_the_text_where_readers_look(format: str) -> None:
    """EXIF's UserComment: eight bytes that name the characters, then UTF-16 with its high byte first."""
    across = np.linspace(0, 255, 64).astype(np.uint8)
    image = np.stack([np.tile(across, (32, 1))] * 3, axis=2)
    text = "ein Würfel, 赤い星\nSteps: 1"
    data = encode(image, text, format, 90)
    assert data == encode(image, text, format, 90)
    assert len(encode(image, text, format, 10)) < len(data)
    with Image.open(io.BytesIO(data)) as read:
        assert (read.format, read.size) == (format.upper(), (64, 32))
        comment = read.getexif().get_ifd(0x8769)[0x9286]
        assert comment[:8] == b"UNICODE\0"
        assert comment[8:].decode("utf-16-be") == text
        assert np.abs(np.asarray(read.convert("RGB")).astype(int) - image).mean() < 4


def test_a_png_has_no_quality() -> None:
    image = np.zeros((8, 8, 3), dtype=np.uint8)
    assert encode(image, "text", "png", 10) == encode_png(image, "text")


def test_infotext_names_what_a_picture_began_from() -> None:
    asked = replace(REQUEST, extras=Extras(init_image="k", mask_image="m", strength=0.55, mask_blur=8.0))
    line = infotext(asked, index=0, model_name="m", model_hash=None).split("\n")[2]
    assert "Model: m, Denoising strength: 0.55, RNG: CPU, Mask blur: 8, " in line
    assert "Denoising" not in infotext(REQUEST, index=0, model_name="m", model_hash=None)
