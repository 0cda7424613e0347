"""Panoramas (MultiDiffusion, Bar-Tal et al., arXiv:2302.08113): pictures larger than what the network was trained on,
read in overlapping windows of that size, whose answers are averaged where they overlap.

Windows are rows of the same calls. Averaging the answers rather than, as in the paper, the latents that follow from
them is the same wherever the sampler is linear in the answer, as all here are, and leaves one state to the sampler.
"""

from dataclasses import dataclass, replace
from typing import Self

import torch

from easel.domain.panorama import starts, windows
from easel.engine.calling import Rows
from easel.engine.request import PictureRequest

MOST_ROWS = 8
"""Of a call: a wide picture has dozens of windows, and more at once would gain nothing."""


def too_small_for_windows(request: PictureRequest) -> tuple[str, ...]:
    """A sentence where a panorama is no more than an ordinary picture."""
    if request.window is None or request.again or windows(request.width, request.height, request.window) > 1:
        return ()
    return (f"This is no panorama: the model draws a picture of up to {request.window} pixels a side as a whole.",)


@dataclass(frozen=True, slots=True)
class Windows:
    """In latents."""

    height: int
    """Of each; of the whole where that is less, and `width` likewise."""
    width: int
    places: tuple[tuple[int, int], ...]
    """Their first rows and columns."""

    @classmethod
    def of(cls, request: PictureRequest, height: int, width: int) -> Self | None:
        """`height` and `width` are of the picture's latents. None for a picture that is drawn as a whole."""
        if request.window is None:
            return None
        side = request.window * width // request.width
        places = tuple((top, left) for top in starts(height, side) for left in starts(width, side))
        return cls(min(side, height), min(side, width), places) if len(places) > 1 else None

    def __len__(self) -> int:
        return len(self.places)

    def cut(self, rows: Rows) -> Rows:
        """One row for each window of each; those of a row follow each other."""
        return Rows(
            requests=[request for request in rows.requests for _ in self.places],
            steerings=[
                tuple(replace(one, hint=self._part(one.hint, place)) for one in steerings)
                for steerings in rows.steerings
                for place in self.places
            ],
            latents=torch.stack([self._part(rows.latents, place) for place in self.places], dim=1).flatten(0, 1),
            timesteps=rows.timesteps.repeat_interleave(len(self)),
            texts=[text for text in rows.texts for _ in self.places],
        )

    def rows_of(self, rows: list[int]) -> list[int]:
        """Where the windows of `rows` stand."""
        return [row * len(self) + at for row in rows for at in range(len(self))]

    def joined(self, answers: torch.Tensor, height: int, width: int) -> torch.Tensor:
        """The way back for answers: (rows x windows) x channels x h x w -> rows x channels x height x width."""
        parts = answers.unflatten(0, (-1, len(self)))
        total = answers.new_zeros((len(parts), answers.shape[1], height, width))
        count = answers.new_zeros((height, width))
        for place, part in zip(self.places, parts.unbind(1), strict=True):
            self._part(total, place).add_(part)
            self._part(count, place).add_(1)
        return total / count

    def _part(self, whole: torch.Tensor, place: tuple[int, int]) -> torch.Tensor:
        top, left = place
        return whole[..., top : top + self.height, left : left + self.width]
