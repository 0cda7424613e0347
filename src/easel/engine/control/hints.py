"""Hints that are made of an ordinary picture, without another network. No torch here."""

import io
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from easel.domain.controls import READY
from easel.engine.request import Hint, Pixels

WEAK, STRONG = 100, 200
"""Gradients. Between them a pixel is on an edge if its edge reaches a stronger one. The field's usual two."""

SCRIBBLE_BLUR: Final = 2.0
SCRIBBLE_WIDTH: Final = 5
"""Pixels."""

SIDE: Final = 512
"""Of a picture that the widths and blurs above and below are meant for; others are scaled."""

BLUR: Final = 8.0
SHRUNK: Final = 4
POOR_JPEG: Final = 20

HALF: Final = 128

Floats = NDArray[np.float32]


def hint_of(kind: str, picture: Pixels, mask: Pixels | None = None) -> Hint:
    """The hint of this kind (domain.controls.MADE, or READY) for `picture`. `mask` is what inpainting draws anew.

    Raises KeyError for a kind that is not made here.
    """
    if kind == READY:
        return _shares(picture)
    if kind == "inpaint":
        return _inpainting(picture, mask)
    return _shares(MAKERS[kind](picture))


def canny(picture: Pixels) -> Pixels:
    """White edges, one pixel wide, on black (Canny 1986): the steepest of the three channels counts."""
    across, down = _steepest(picture.astype(np.float32))
    strength = np.abs(across) + np.abs(down)
    thin = np.where(_is_ridge(strength, across, down), strength, 0)
    return _on_black(_reached(thin > STRONG, thin > WEAK))


def scribble(picture: Pixels) -> Pixels:
    """Edges as a thick pen would draw them: only those of large things."""
    scale = max(picture.shape[:2]) / SIDE
    edges = canny(np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(SCRIBBLE_BLUR * scale))))
    width = max(1, round(SCRIBBLE_WIDTH * scale)) | 1
    return np.asarray(Image.fromarray(edges).filter(ImageFilter.MaxFilter(width)) if width > 1 else edges)


def blur(picture: Pixels) -> Pixels:
    radius = BLUR * max(picture.shape[:2]) / SIDE
    return np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(radius)))


def gray(picture: Pixels) -> Pixels:
    return np.asarray(Image.fromarray(picture).convert("L").convert("RGB"))


def low_quality(picture: Pixels) -> Pixels:
    """As a small and badly compressed copy of it would look."""
    whole = Image.fromarray(picture)
    small = whole.resize((max(1, whole.width // SHRUNK), max(1, whole.height // SHRUNK)), Image.Resampling.BILINEAR)
    file = io.BytesIO()
    small.save(file, format="JPEG", quality=POOR_JPEG)
    return np.asarray(Image.open(file).convert("RGB").resize(whole.size, Image.Resampling.BILINEAR))


def _as_it_is(picture: Pixels) -> Pixels:
    return picture


MAKERS: Final[Mapping[str, Callable[[Pixels], Pixels]]] = {
    "canny": canny,
    "scribble": scribble,
    "tile": _as_it_is,
    "blur": blur,
    "gray": gray,
    "low_quality": low_quality,
    "qrcode": gray,
}


def _inpainting(picture: Pixels, mask: Pixels | None) -> Hint:
    """The picture with -1, which no pixel has, where it is drawn anew."""
    hint = _shares(picture)
    if mask is not None:
        hint[mask >= HALF] = -1
    return hint


def _shares(picture: Pixels) -> Hint:
    return picture.astype(np.float32) / np.float32(255)


def _steepest(picture: Floats) -> tuple[Floats, Floats]:
    """Sobel's gradient across and down, of the channel in which it is steepest."""
    height, width = picture.shape[:2]
    padded = np.pad(picture, ((1, 1), (1, 1), (0, 0)), mode="reflect" if min(height, width) > 1 else "edge")

    def at(down: int, right: int) -> Floats:
        return padded[down : down + height, right : right + width]

    across = at(0, 2) + 2 * at(1, 2) + at(2, 2) - at(0, 0) - 2 * at(1, 0) - at(2, 0)
    down = at(2, 0) + 2 * at(2, 1) + at(2, 2) - at(0, 0) - 2 * at(0, 1) - at(0, 2)
    which = (np.abs(across) + np.abs(down)).argmax(axis=2)[:, :, None]
    return np.take_along_axis(across, which, 2)[:, :, 0], np.take_along_axis(down, which, 2)[:, :, 0]


def _is_ridge(strength: Floats, across: Floats, down: Floats) -> NDArray[np.bool_]:
    """Whether no neighbour on the line of the gradient, one of four directions, is stronger."""
    height, width = strength.shape
    padded = np.pad(strength, 1)

    def beside(step_down: int, step_right: int) -> Floats:
        return padded[1 + step_down : 1 + step_down + height, 1 + step_right : 1 + step_right + width]

    def ridge(step_down: int, step_right: int) -> NDArray[np.bool_]:
        # Of two equals one is kept, or a wide edge would have none.
        return (strength > beside(-step_down, -step_right)) & (strength >= beside(step_down, step_right))

    flat, steep = np.tan(np.pi / 8), np.tan(3 * np.pi / 8)
    slope = np.abs(down)
    is_flat, is_steep = slope < flat * np.abs(across), slope > steep * np.abs(across)
    diagonal = np.where(across * down >= 0, ridge(1, 1), ridge(1, -1))
    return np.where(is_flat, ridge(0, 1), np.where(is_steep, ridge(1, 0), diagonal))


def _reached(seeds: NDArray[np.bool_], allowed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What of `allowed` touches `seeds`, and what touches that, and so on; corners touch."""
    reached = np.pad(seeds, 1)
    bounds = np.pad(allowed, 1)
    edge = np.argwhere(reached)
    while len(edge):
        around = (edge[:, None, :] + NEIGHBOURS[None]).reshape(-1, 2)
        fresh = around[bounds[around[:, 0], around[:, 1]] & ~reached[around[:, 0], around[:, 1]]]
        reached[fresh[:, 0], fresh[:, 1]] = True
        edge = np.unique(fresh, axis=0)
    return reached[1:-1, 1:-1]


NEIGHBOURS: Final[NDArray[Any]] = np.array(
    [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1) if down or right]
)


def _on_black(white: NDArray[np.bool_]) -> Pixels:
    return np.repeat(np.where(white, 255, 0).astype(np.uint8)[:, :, None], 3, axis=2)
