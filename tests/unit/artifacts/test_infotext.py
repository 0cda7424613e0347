"""What pictures say of themselves, read back from every file that is written, and from what others write."""

import io
import json
from dataclasses import replace
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from easel.artifacts.encode import EXIF_IFD, USER_COMMENT, encode, infotext
from easel.artifacts.infotext import Infotext, parse_infotext, read_embedded
from easel.domain.errors import InvalidRequest
from easel.domain.request import GenerationRequest
from easel.domain.sampling import Sampler, Spacing

REQUEST = GenerationRequest(
    model_id="m",
    prompt="a star,\nNegative: none, Steps: 3",
    negative_prompt="blurry,\nlow: quality",
    width=128,
    height=64,
    samples=1,
    steps=20,
    guidance=7.5,
    seed=5,
    sampler=Sampler.DPMPP_2M,
    spacing=Spacing.KARRAS,
)
WRITTEN = infotext(REQUEST, index=0, model_name='a "model", of: mine', model_hash=None)


@pytest.mark.parametrize("format", ["png", "jpeg", "webp"])
@pytest.mark.parametrize("text", [WRITTEN, "ein schöner Stern ⭐\nSteps: 1, Seed: 2, Size: 8x8"])
def test_what_is_written_is_read(format: Literal["png", "jpeg", "webp"], text: str) -> None:
    data = encode(Image.new("RGB", (8, 8)), text, format, 90)
    assert read_embedded(data, "image").infotext == text


def test_settings_are_taken_apart() -> None:
    read = parse_infotext(WRITTEN)
    assert (read.prompt, read.negative_prompt) == (REQUEST.prompt, REQUEST.negative_prompt)
    assert read.settings["Model"] == 'a "model", of: mine'
    assert (read.settings["Steps"], read.settings["Schedule type"], read.settings["Size"]) == ("20", "Karras", "128x64")


@pytest.mark.parametrize("text", ["", "only: words, in a prompt", "a\nb"])
def test_a_text_without_settings_is_a_prompt(text: str) -> None:
    assert parse_infotext(text) == Infotext(prompt=text)


@given(prompt=st.text(), negative=st.text())
def test_there_is_no_text_that_cannot_be_read(prompt: str, negative: str) -> None:
    parse_infotext(prompt)
    parse_infotext(f"{prompt}\nNegative prompt: {negative}\nSteps: 1, Seed: 2, Size: 8x8, {json.dumps(prompt)}")


def test_a_line_that_never_ends_is_read_at_once() -> None:
    assert parse_infotext("a" * 200_000).settings == {}
    assert parse_infotext('a: "' + "\\" * 200_000).settings == {}


def test_comments_of_either_order() -> None:
    for encoding in ("utf-16-le", "utf-16-be"):
        exif = Image.Exif()
        exif.get_ifd(EXIF_IFD)[USER_COMMENT] = b"UNICODE\0" + WRITTEN.encode(encoding)
        file = io.BytesIO()
        Image.new("RGB", (8, 8)).save(file, format="JPEG", exif=exif)
        assert read_embedded(file.getvalue(), "image").infotext == WRITTEN


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="image is no picture"):
        read_embedded(b"\x89PNG\r\n\x1a\n and no more", "image")


def test_other_texts_are_given_as_they_are() -> None:
    data = encode(Image.new("RGB", (8, 8)), replace(REQUEST, prompt="x").prompt, "png", 90)
    assert read_embedded(data, "image").others == {}
