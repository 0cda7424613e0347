"""What a tick tells the caller."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Image: TypeAlias = NDArray[np.uint8]
"""height x width x 3, RGB."""


@dataclass(frozen=True, slots=True)
class Progress:
    """`step` of `steps` are done, in the request's own count: one event a step, however many calls the step took."""

    id: str
    step: int
    steps: int


@dataclass(frozen=True, slots=True, eq=False)
class Preview:
    """What the picture looks like after `step` steps, small: a pixel for each latent."""

    id: str
    step: int
    image: Image


@dataclass(frozen=True, slots=True, eq=False)
class Finished:
    """The picture. `notes` are sentences about what was done otherwise than asked, such as a prompt cut short."""

    id: str
    image: Image
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """The picture will not come; `error` is a sentence fit for the customer."""

    id: str
    error: str
    is_short_of_memory: bool = False
    """It may well come when nothing else is drawn beside it."""


Event: TypeAlias = Progress | Preview | Finished | Failed
