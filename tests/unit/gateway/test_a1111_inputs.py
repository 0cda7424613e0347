"""Pictures to begin from: resized, filled in, the part around a mask cut out and put back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from easel.artifacts.blobs import BlobStore
from easel.artifacts.inputs import store_picture
from easel.gateway.dialects.automatic1111.inputs import Paste, begun, part_around, resized

RED, BLUE = (255, 0, 0), (0, 0, 255)


def halves(size: tuple[int, int]) -> Image.Image:
    """Red on the left, blue on the right."""
    picture = Image.new("RGB", size, RED)
    picture.paste(BLUE, (size[0] // 2, 0, *size))
    return picture


def masked(size: tuple[int, int], box: tuple[int, int, int, int]) -> Image.Image:
    mask = Image.new("L", size)
    mask.paste(255, box)
    return mask


def test_stretched_cut_and_drawn_out() -> None:
    picture = halves((200, 100))
    stretched, cut, drawn_out = (resized(picture, (100, 100), mode) for mode in (0, 1, 2))
    assert {stretched.size, cut.size, drawn_out.size} == {(100, 100)}
    assert [picture.getpixel((25, 50)) for picture in (stretched, cut, drawn_out)] == [RED] * 3
    assert drawn_out.getpixel((10, 2)) == RED
    assert drawn_out.getpixel((90, 97)) == BLUE
    tall = resized(picture, (400, 100), 2)
    assert (tall.getpixel((2, 50)), tall.getpixel((397, 50))) == (RED, BLUE)
    assert resized(masked((200, 100), (0, 0, 200, 100)), (100, 100), 2).getpixel((50, 2)) == 0
    assert resized(picture, (200, 100), 0) is picture


def test_a_masked_part_begins_as_was_asked() -> None:
    picture = Image.new("RGB", (64, 64), RED)
    picture.paste(BLUE, (16, 16, 48, 48))
    mask = masked((64, 64), (16, 16, 48, 48))
    assert begun(picture, mask, 1).getpixel((32, 32)) == BLUE
    red, green, blue = np.asarray(begun(picture, mask, 0))[32, 32]
    assert red > 200, "its surroundings"
    assert max(green, blue) < 60, "and nothing of what was there"
    assert begun(picture, mask, 2).getpixel((32, 32)) == (127, 127, 127)
    assert begun(picture, mask, 0).getpixel((4, 4)) == RED


numbers = st.integers(1, 300)


@given(width=numbers, height=numbers, size=st.tuples(numbers, numbers), padding=st.integers(0, 400), data=st.data())
def test_the_part_holds_the_mask_and_lies_in_the_picture(
    width: int, height: int, size: tuple[int, int], padding: int, data: st.DataObject
) -> None:
    left, top = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    right, bottom = data.draw(st.integers(left + 1, width)), data.draw(st.integers(top + 1, height))
    box = part_around(masked((width, height), (left, top, right, bottom)), padding, size)
    assert 0 <= box[0] <= left
    assert 0 <= box[1] <= top
    assert right <= box[2] <= width
    assert bottom <= box[3] <= height


def test_the_part_has_the_shape_that_is_drawn() -> None:
    left, top, right, bottom = part_around(masked((500, 500), (200, 200, 240, 220)), 10, (128, 64))
    assert (right - left) / (bottom - top) == pytest.approx(2, abs=0.1)


def test_a_part_is_put_back_where_the_mask_is() -> None:
    blobs = BlobStore("memory:///")
    whole, mask = Image.new("RGB", (100, 60), RED), masked((100, 60), (20, 20, 40, 40))
    paste = Paste(store_picture(blobs, whole).key, store_picture(blobs, mask).key, (10, 10, 50, 50))
    assert Paste.from_json(paste.as_json()) == paste
    result = paste.put_back(blobs, Image.new("RGB", (128, 128), BLUE))
    assert result.size == (100, 60)
    assert (result.getpixel((30, 30)), result.getpixel((15, 15)), result.getpixel((60, 30))) == (BLUE, RED, RED)
