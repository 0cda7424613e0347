"""Replacements: of the picture's size, and not the picture."""

import numpy as np
import pytest

from easel.artifacts.replacing import BLOCKS, replaced
from easel.domain.request import Replacement

SHOWN = np.random.default_rng(0).integers(0, 256, (96, 192, 3), dtype=np.uint8)


@pytest.mark.parametrize("how", ["blur", "pixelate", "black", "sensitive_content_text"])
def test_a_replacement_has_the_size_and_none_of_the_detail(how: Replacement) -> None:
    instead = replaced(SHOWN, how)
    assert (instead.shape, instead.dtype) == (SHOWN.shape, SHOWN.dtype)
    if how != "black":
        assert np.corrcoef(instead.ravel(), SHOWN.ravel())[0, 1] < 0.3


def test_each_is_what_it_is_called() -> None:
    assert not replaced(SHOWN, "black").any()
    blocks = replaced(SHOWN, "pixelate")
    assert len(np.unique(blocks.reshape(-1, 3), axis=0)) <= BLOCKS * BLOCKS // 2
    assert replaced(SHOWN, "blur").std() < SHOWN.std() / 10
    words = replaced(SHOWN, "sensitive_content_text")
    assert (words > 150).any()
    assert np.array_equal(words, replaced(np.zeros_like(SHOWN), "sensitive_content_text"))


@pytest.mark.parametrize("how", ["blur", "pixelate", "black", "sensitive_content_text"])
def test_the_smallest_picture_has_one_too(how: Replacement) -> None:
    assert replaced(SHOWN[:8, :1], how).shape == (8, 1, 3)
