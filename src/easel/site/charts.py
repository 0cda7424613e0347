"""Charts drawn on the server: plain numbers in, the geometry of an SVG out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

WIDTH: Final = 720
HEIGHT: Final = 220
LEFT: Final = 64
"""Room for what stands beside the lines."""
RIGHT: Final = 20
"""Room for half of the last column's label."""
BOTTOM: Final = 24
TOP: Final = 10
LABELS: Final = 8
"""More would run into each other on a phone."""


@dataclass(frozen=True)
class Column:
    label: str
    value: float
    x: float
    y: float
    width: float
    height: float
    shows_label: bool

    @property
    def middle(self) -> float:
        return round(self.x + self.width / 2, 2)


@dataclass(frozen=True)
class Line:
    value: float
    y: float


@dataclass(frozen=True)
class ColumnChart:
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT

    @property
    def floor(self) -> int:
        return self.height - BOTTOM


def column_chart(values: Sequence[tuple[str, float]], *, whole: bool = False) -> ColumnChart:
    """One column a value, from the left, over a few level lines; `whole`: the lines stand at whole numbers."""
    lines = levels(max((value for _, value in values), default=0), whole=whole)
    scale = (HEIGHT - BOTTOM - TOP) / lines[-1]
    step = (WIDTH - LEFT - RIGHT) / max(1, len(values))
    every = math.ceil(len(values) / LABELS) or 1
    columns = tuple(
        Column(
            label=label,
            value=value,
            x=round(LEFT + index * step + step * 0.12, 2),
            y=round(HEIGHT - BOTTOM - value * scale, 2),
            width=round(step * 0.76, 2),
            height=round(value * scale, 2),
            shows_label=(len(values) - 1 - index) % every == 0,
        )
        for index, (label, value) in enumerate(values)
    )
    return ColumnChart(columns, tuple(Line(level, round(HEIGHT - BOTTOM - level * scale, 2)) for level in lines))


def levels(largest: float, *, whole: bool = False) -> list[float]:
    """Round numbers from zero to at least `largest`, three to six of them: 0, 5, 10, 15 for 12."""
    if largest <= 0:
        return [0, 1]
    step = _round_up(largest / 4)
    if whole:
        step = max(1.0, step)
    return [round(step * index, 9) for index in range(math.ceil(largest / step - 1e-9) + 1)]


def _round_up(value: float) -> float:
    """The next of 1, 2, 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(round(factor * power, 12) for factor in (1, 2, 5, 10) if factor * power >= value * (1 - 1e-9))
