"""Sizes to choose from, within a model's limits."""

import math
import re
from dataclasses import dataclass
from typing import Final

from easel.catalogue.limits import Defaults, Limits

RATIOS: Final = ((4, 3), (3, 4), (16, 9), (9, 16))
DRAWN: Final = 18
"""The longer side of a size's little drawing."""


@dataclass(frozen=True)
class Size:
    width: int
    height: int

    @property
    def name(self) -> str:
        return f"{self.width}x{self.height}"

    @property
    def drawn_width(self) -> float:
        return round(DRAWN * self.width / max(self.width, self.height), 1)

    @property
    def drawn_height(self) -> float:
        return round(DRAWN * self.height / max(self.width, self.height), 1)

    def fits(self, limits: Limits) -> bool:
        return all(
            limits.min_size <= side <= limits.max_size and side % limits.multiple_of == 0
            for side in (self.width, self.height)
        )


def presets(limits: Limits, defaults: Defaults, chosen: Size) -> list[Size]:
    """The model's own size, the usual ratios with as many pixels, and what is chosen when it is none of these."""
    usual = [Size(defaults.width, defaults.height), *(_of_ratio(ratio, limits, defaults) for ratio in RATIOS)]
    return [size for size in dict.fromkeys([*usual, chosen]) if size.fits(limits)]


def size_named(name: str, limits: Limits, defaults: Defaults) -> Size:
    """`144x112` as a size; the model's own for what is none of this model."""
    found = re.fullmatch(r"([0-9]{1,5})x([0-9]{1,5})", name)
    size = Size(int(found[1]), int(found[2])) if found else None
    return size if size and size.fits(limits) else Size(defaults.width, defaults.height)


def _of_ratio(ratio: tuple[int, int], limits: Limits, defaults: Defaults) -> Size:
    pixels, (across, down) = defaults.width * defaults.height, ratio
    # Twice as coarse as the model asks: rounder numbers, and latents that halve evenly.
    grain = 2 * limits.multiple_of
    sides = (math.sqrt(pixels * across / down), math.sqrt(pixels * down / across))
    return Size(*(round(side / grain) * grain for side in sides))
