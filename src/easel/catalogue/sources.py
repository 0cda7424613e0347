"""What a request says of the picture that it begins from, checked; and the size that follows from it. Pure."""

import math
from collections.abc import Mapping
from typing import Final, TypeAlias

from easel.domain.errors import InvalidRequest
from easel.domain.request import Extras

Size: TypeAlias = tuple[int, int]
"""Width and height in pixels."""

MOST_BLUR: Final = 64.0
"""Pixels: a wider edge than this is no edge."""

SAME_SHAPE: Final = 0.02
"""Sides whose ratio differs by less are of one shape: a mask that was drawn on a smaller copy of the picture."""


def check_sources(extras: Extras, sizes: Mapping[str, Size]) -> Extras:
    """`extras` as they are. `sizes` are of the stored inputs, by key. Raises InvalidRequest naming the field."""
    _check_range("strength", extras.strength, 0, 1)
    _check_range("mask_blur", extras.mask_blur, 0, MOST_BLUR)
    _check_range("output_quality", extras.output_quality, 1, 100)
    if extras.mask_image is not None and extras.init_image is None:
        raise InvalidRequest("mask_image", "mask_image needs the picture that it is a mask of: send init_image as well")
    picture, mask = _size("init_image", extras.init_image, sizes), _size("mask_image", extras.mask_image, sizes)
    if picture and mask and not _is_same_shape(picture, mask):
        raise InvalidRequest(
            "mask_image",
            f"mask_image is {mask[0]}x{mask[1]} and init_image {picture[0]}x{picture[1]}: "
            "send a mask of the picture's own size, or one that differs from it in scale alone",
        )
    for control in extras.controls:
        _size("control_image", control.image, sizes)
    return extras


def size_like(
    picture: Size, width: int | None, height: int | None, smallest: int, largest: int, multiple_of: int
) -> Size:
    """A size for a picture that begins from `picture`: what was said of it, and the rest of the same shape.

    Where nothing was said it is the picture's own, scaled only when that is outside of the limits, and rounded down to
    the multiple. The shape gives way where no size of that shape is within the limits.
    """
    if width is not None and height is not None:
        return width, height
    if width is not None or height is not None:
        scale = width / picture[0] if width is not None else (height or 0) / picture[1]
    else:
        scale = max(min(1.0, largest / max(picture)), smallest / min(picture))
    own = [_within(side * scale, smallest, largest, multiple_of) for side in picture]
    return width or own[0], height or own[1]


def _within(side: float, smallest: int, largest: int, multiple_of: int) -> int:
    lowest = math.ceil(smallest / multiple_of) * multiple_of
    # A hair under a whole number is that number.
    return max(lowest, int(min(side + 1e-6, largest)) // multiple_of * multiple_of)


def _size(field: str, key: str | None, sizes: Mapping[str, Size]) -> Size | None:
    if key is None:
        return None
    if key not in sizes:
        raise InvalidRequest(field, f"{field} is stored no longer: send it again")
    return sizes[key]


def _is_same_shape(one: Size, other: Size) -> bool:
    return abs(one[0] * other[1] / (one[1] * other[0]) - 1) <= SAME_SHAPE


def _check_range(field: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:  # written so that NaN fails as well
        raise InvalidRequest(field, f"{field} must be between {low:.10g} and {high:.10g}")
