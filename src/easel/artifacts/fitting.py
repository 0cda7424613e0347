"""An input made to the measure of the picture that begins from it."""

import io

from PIL import Image, ImageFilter, ImageOps

from easel.artifacts.blobs import BlobStore
from easel.domain.errors import GenerationFailed, NotFound

SAME_SHAPE = 0.02
"""Sides whose ratio differs by less than this are of one shape: what rounding to a model's multiple cuts off."""


def load_input(blobs: BlobStore, key: str) -> Image.Image:
    """A stored input. Raises GenerationFailed when it is not there any more."""
    try:
        return Image.open(io.BytesIO(blobs.get(key)))
    except NotFound:
        raise GenerationFailed(
            "The picture that this request begins from is stored no longer: send it again."
        ) from None


def fit(picture: Image.Image, width: int, height: int) -> Image.Image:
    """Scaled until it covers the size, what stands over cut off on both sides; of the very size, untouched."""
    if picture.size == (width, height):
        return picture
    return ImageOps.fit(picture, (width, height), Image.Resampling.LANCZOS)


def fit_mask(mask: Image.Image, width: int, height: int, blur: float) -> Image.Image:
    """As its picture is, and softened at its edges: `blur` is the sigma of a Gaussian, in pixels of the result."""
    if mask.size != (width, height):
        mask = ImageOps.fit(mask, (width, height), Image.Resampling.BILINEAR)
    return mask.filter(ImageFilter.GaussianBlur(blur)) if blur else mask


def is_cut(picture: tuple[int, int], size: tuple[int, int]) -> bool:
    """Whether `fit` cuts off more than anybody would overlook."""
    return abs(picture[0] / picture[1] * size[1] / size[0] - 1) > SAME_SHAPE
