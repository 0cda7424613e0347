"""Token merging (Bolya and Hoffman, arXiv:2303.17604): where a self-attention reads many tokens, those most alike are
made one before it, and each has the answer of that one after it.

In every square of two by two tokens one is a destination, and the others may be merged into whichever destination of
the picture they resemble most. Which of the four it is was drawn once and is the same for every picture, so that the
picture depends on its request alone.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self, TypeAlias

import torch
from torch.nn.functional import normalize, one_hot

ENOUGH = 4096
"""Tokens up to which nothing is merged: 64 x 64, what the families' pictures of their own size have. Attention takes
the square of its tokens, but so does finding those alike, and below this it is too little of a call to be worth it."""

Grid: TypeAlias = tuple[int, int]
"""Rows and columns of tokens."""


class MergingAttention:
    """A processor of diffusers' self-attention, `inner`, that is given fewer tokens."""

    def __init__(self, inner: Any, share: float, grid: Grid) -> None:
        self._inner = inner
        self._share = share
        self._grid = grid

    def __call__(self, attention: Any, hidden_states: torch.Tensor, *others: Any, **named: Any) -> torch.Tensor:
        merged = Merged.of(hidden_states, self._share, self._grid)
        return merged.spread(self._inner(attention, merged.tokens, *others, **named))


@dataclass(frozen=True, slots=True, eq=False)
class Merged:
    """Fewer tokens for many. Indices are rows x their number."""

    tokens: torch.Tensor
    """rows x tokens x channels: first the sources that stay, then the destinations."""
    destinations: torch.Tensor
    """Their places in the grid, the same in all rows; `sources` likewise."""
    sources: torch.Tensor
    staying: torch.Tensor
    """Which of the sources stay."""
    leaving: torch.Tensor
    """Which are merged."""
    into: torch.Tensor
    """Into which of the destinations each of the leaving."""

    @classmethod
    def of(cls, tokens: torch.Tensor, share: float, grid: Grid) -> Self:
        """rows x tokens x channels; `share` of the tokens is merged, at most all that are no destinations."""
        destinations, sources = _pattern(grid, tokens.device)
        directions = normalize(tokens, dim=-1)
        alike = directions[:, sources] @ directions[:, destinations].transpose(1, 2)
        likeness, likest = alike.max(dim=-1)
        order = likeness.argsort(dim=-1, descending=True, stable=True)
        merged = min(len(sources), int(tokens.shape[1] * share))
        leaving, staying = order[:, :merged], order[:, merged:]
        into = likest.gather(1, leaving)
        # A product, not a scatter: a GPU would add in any order, and what is alike depends on last bits.
        joins = one_hot(into, len(destinations)).to(tokens.dtype)
        candidates, targets = tokens[:, sources], tokens[:, destinations]
        sums = targets + joins.transpose(1, 2) @ _taken(candidates, leaving)
        means = sums / (1 + joins.sum(dim=1, dtype=torch.float32))[..., None]
        fewer = torch.cat([_taken(candidates, staying), means.to(tokens.dtype)], dim=1)
        return cls(fewer, destinations, sources, staying, leaving, into)

    def spread(self, answers: torch.Tensor) -> torch.Tensor:
        """An answer for each of `tokens` -> one for each that there was."""
        stayed, targets = answers.split([self.staying.shape[1], len(self.destinations)], dim=1)
        all_of_them = answers.new_empty((len(answers), len(self.sources) + len(self.destinations), answers.shape[-1]))
        all_of_them[:, self.destinations] = targets
        all_of_them.scatter_(1, _as_wide(self.sources[self.staying], answers), stayed)
        all_of_them.scatter_(1, _as_wide(self.sources[self.leaving], answers), _taken(targets, self.into))
        return all_of_them


@lru_cache(maxsize=32)
def _pattern(grid: Grid, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Places of the destinations, one in each whole square, and of all others, in the order of rows."""
    rows, columns = grid
    squares = (rows // 2, columns // 2)
    which = torch.randint(4, squares, generator=torch.Generator().manual_seed(0))
    down = 2 * torch.arange(squares[0])[:, None] + which // 2
    across = 2 * torch.arange(squares[1]) + which % 2
    destinations = (down * columns + across).flatten()
    is_source = torch.ones(rows * columns, dtype=torch.bool)
    is_source[destinations] = False
    return destinations.to(device), is_source.nonzero().flatten().to(device)


def _taken(tokens: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    return tokens.gather(1, _as_wide(places, tokens))


def _as_wide(places: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    return places[..., None].expand(-1, -1, tokens.shape[-1])
