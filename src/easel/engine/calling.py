"""Network calls: rows that go together, in as many calls as it takes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch

from easel.engine.adapters.shelf import AdapterShelf
from easel.engine.control.shelf import ControlShelf, Steerings
from easel.engine.costs import Costs
from easel.engine.families.base import Conditioning, LoadedFamily
from easel.engine.inside.alteration import altered
from easel.engine.prompts.lengths import groups
from easel.engine.request import PictureRequest


@dataclass(frozen=True, slots=True)
class Rows:
    """What a call is about, row by row."""

    requests: Sequence[PictureRequest]
    steerings: Sequence[Steerings]
    latents: torch.Tensor
    timesteps: torch.Tensor
    texts: Sequence[Conditioning]

    def __len__(self) -> int:
        return len(self.requests)

    def of(self, places: Sequence[int]) -> Self:
        if places == list(range(len(self))):
            return self
        return replace(
            self,
            requests=[self.requests[place] for place in places],
            steerings=[self.steerings[place] for place in places],
            latents=self.latents[places],
            timesteps=self.timesteps[places],
            texts=[self.texts[place] for place in places],
        )


@dataclass(frozen=True, slots=True)
class Answers:
    """Of the network, to each row."""

    latents: torch.Tensor
    attention: torch.Tensor | None
    """rows x h x w: what each token in the network's middle gets of it, where it was watched."""

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        watched = [part.attention for part in parts if part.attention is not None]
        return cls(torch.cat([part.latents for part in parts]), torch.cat(watched) if watched else None)

    def of(self, places: Sequence[int]) -> Self:
        return replace(
            self,
            latents=self.latents[places],
            attention=None if self.attention is None else self.attention[places],
        )


class Caller:
    """Belongs to its runner's thread."""

    def __init__(self, adapters: AdapterShelf, controls: ControlShelf, costs: Costs) -> None:
        self._adapters = adapters
        self._controls = controls
        self._costs = costs
        self.calls = 0
        """Network calls made."""

    def predict(self, family: LoadedFamily, rows: Rows, *, most: int | None = None) -> Answers:
        """The answer for each row, by one call, unless there are more than `most` rows or texts are of lengths that do
        not go together. All rows ask for the same alteration.

        Calls of sizes that nobody has called for are filled up with a row of their own, whose answer is not looked at.
        """
        size = most or len(rows)
        together = [
            places[at : at + size]
            for places in groups([len(text.states) for text in rows.texts])
            for at in range(0, len(places), size)
        ]
        found: list[Answers] = []
        for called in together:
            filled = [*called, *called[-1:] * (self._costs.size(len(called)) - len(called))]
            answers = self._answer(family, rows.of(filled))
            found.append(answers if len(filled) == len(called) else answers.of(list(range(len(called)))))
        return found[0] if len(found) == 1 else Answers.joined(found).of(_places(together))

    def _answer(self, family: LoadedFamily, rows: Rows) -> Answers:
        self.calls += 1
        request = rows.requests[0]
        with altered(family, request.checkpoint.family, request.alteration, rows.latents.shape) as watched:
            latents = self._controls.predict(
                family,
                rows.steerings,
                rows.latents,
                rows.timesteps,
                rows.texts,
                self._adapters.factors(rows.requests, family.adaptable),
                size=self._costs.size,
            )
        return Answers(latents, watched.received if watched else None)


def _places(together: list[list[int]]) -> list[int]:
    """Where each row stands when the groups stand one after the other."""
    order = [row for rows in together for row in rows]
    return sorted(range(len(order)), key=order.__getitem__)
