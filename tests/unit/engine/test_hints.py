"""Hints that are made of pictures."""

import numpy as np
import pytest
from scipy import ndimage

from easel.domain.controls import MADE, READY, type_in, type_named
from easel.engine.control.hints import canny, hint_of
from easel.engine.request import Pixels


@pytest.fixture
def square() -> Pixels:
    """Dark grey on light grey, 40 pixels wide."""
    picture = np.full((96, 80, 3), 200, dtype=np.uint8)
    picture[30:70, 20:60] = 40
    return picture


def test_canny_draws_a_square_as_its_outline(square) -> None:
    edges = canny(square)[:, :, 0]
    white = np.argwhere(edges)
    assert set(np.unique(edges)) == {0, 255}
    assert white.min(axis=0).tolist() in ([29, 19], [30, 20], [29, 20], [30, 19])
    assert not edges[33:67, 23:57].any()
    # One closed line, one pixel wide, all around.
    assert ndimage.label(edges, np.ones((3, 3)))[1] == 1
    assert 4 * 38 <= len(white) <= 4 * 42


def test_canny_follows_weak_edges_from_strong_ones_only() -> None:
    """A step that fades from strong to weak is followed; one that is weak all along is not there."""
    fading = np.linspace(100, 30, 64).astype(np.uint8)
    picture = np.zeros((64, 64, 3), dtype=np.uint8)
    picture[:, 32:] = fading[:, None, None]
    assert canny(picture)[1:-1, 30:34, 0].any(axis=1).all()
    picture[:, 32:] = 30
    assert not canny(picture).any()


def test_canny_sees_colours_of_the_same_grey() -> None:
    picture = np.zeros((32, 32, 3), dtype=np.uint8)
    picture[:, :16, 0], picture[:, 16:, 2] = 200, 200
    assert canny(picture)[5:-5, 14:18, 0].any(axis=1).all()


@pytest.mark.parametrize("kind", [READY, *MADE])
@pytest.mark.parametrize("size", [(1, 1, 3), (7, 130, 3)])
def test_every_kind_is_made_of_any_picture_and_always_alike(kind: str, size: tuple[int, int, int]) -> None:
    picture = np.random.default_rng(1).integers(0, 256, size, dtype=np.uint8)
    mask = np.where(picture[:, :, 0] > 100, 255, 0).astype(np.uint8)
    hint = hint_of(kind, picture, mask)
    assert (hint.shape, hint.dtype) == (size, np.float32)
    assert np.array_equal(hint, hint_of(kind, picture.copy(), mask))
    assert hint.max() <= 1
    assert hint.min() >= (-1 if kind == "inpaint" else 0)


def test_what_is_drawn_anew_has_a_number_that_no_pixel_has(square) -> None:
    mask = np.zeros(square.shape[:2], dtype=np.uint8)
    mask[10:20] = 255
    hint = hint_of("inpaint", square, mask)
    assert (hint[10:20] == -1).all()
    assert np.array_equal(hint[20:], square[20:].astype(np.float32) / 255)


def test_poorer_copies_are_like_the_picture_but_poorer(square) -> None:
    grain = np.random.default_rng(2).normal(0, 20, square.shape)
    picture = np.clip(square + grain, 0, 255).astype(np.uint8)
    detail = float(np.abs(np.diff(hint_of("tile", picture), axis=0)).mean())
    for kind in ("blur", "low_quality"):
        poorer = hint_of(kind, picture)
        assert float(np.abs(np.diff(poorer, axis=0)).mean()) < detail / 2
        assert abs(float(poorer.mean() - hint_of(READY, picture).mean())) < 0.02
    assert np.ptp(hint_of("gray", picture), axis=2).max() == 0


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("control_v11p_sd15_canny", "canny"),
        ("control_v11f1e_sd15_tile", "tile"),
        ("my-canny", "canny"),
        ("control_v11p_sd15_openpose", "openpose"),
        ("control_v11p_sd15_normalbae", "normal"),
        ("controlnet-low-quality-sdxl", "low_quality"),
        ("my-control", None),
        ("canyon", None),
    ],
)
def test_a_name_says_what_it_is_for(name: str, kind: str | None) -> None:
    assert type_in(name) == kind


def test_a_type_has_several_spellings() -> None:
    assert {type_named(name) for name in (" Pose", "openpose")} == {"openpose"}
