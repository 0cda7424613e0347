"""A small abstract drawing for every model, made from its name: what a card shows where a model has no picture."""

import random
from dataclasses import dataclass
from typing import Final, Literal

WIDTH: Final = 320
HEIGHT: Final = 200

Form = Literal["disc", "ring", "square", "triangle"]
FORMS: Final[tuple[Form, ...]] = ("disc", "ring", "square", "triangle")

# Where the large, the middle and the small form may stand: each row is a balanced arrangement.
ARRANGEMENTS: Final = (
    ((118, 104, 66), (212, 128, 40), (236, 62, 18)),
    ((200, 98, 66), (108, 126, 42), (92, 56, 18)),
    ((160, 92, 62), (236, 134, 34), (84, 140, 24)),
    ((112, 112, 58), (200, 74, 44), (250, 140, 20)),
)
TONES: Final = (("accent", "ink", "soft"), ("soft", "accent", "ink"), ("ink", "soft", "accent"))


@dataclass(frozen=True)
class Mark:
    form: Form
    x: int
    y: int
    radius: int
    turn: int
    tone: str


def cover(name: str) -> tuple[Mark, ...]:
    """Three forms, largest first; the same for the same name, always."""
    chance = random.Random(name)
    forms = chance.sample(FORMS, 3)
    places = chance.choice(ARRANGEMENTS)
    tones = chance.choice(TONES)
    return tuple(
        Mark(form, x, y, radius, chance.choice((-12, -6, 0, 9)), tone)
        for form, (x, y, radius), tone in zip(forms, places, tones, strict=True)
    )
