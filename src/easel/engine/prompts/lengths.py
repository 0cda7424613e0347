"""Texts of unlike length in one network call.

Attention is a mean over tokens, weighted by a softmax: a text said twice, token for token, is read as if said once. So
texts of 1 and of 3 chunks become alike when the first is repeated thrice: no masks, and no word of padding that either
would not have alone. Lengths whose common multiple is far off read in calls of their own.
"""

import math
from collections.abc import Sequence
from typing import Final

import torch

MOST_REPEATED: Final = 2
"""The common length may be this many times the longest."""


def groups(lengths: Sequence[int]) -> list[list[int]]:
    """Which rows read together: places in `lengths`, each in one group, the longest texts' first."""
    found: list[tuple[int, list[int]]] = []
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        for at, (common, rows) in enumerate(found):
            together = math.lcm(common, lengths[row])
            if together <= MOST_REPEATED * lengths[rows[0]]:
                found[at] = (together, [*rows, row])
                break
        else:
            found.append((lengths[row], [row]))
    return [sorted(rows) for _, rows in found]


def stacked(texts: Sequence[torch.Tensor]) -> torch.Tensor:
    """tokens x width each -> texts x tokens x width, the shorter ones repeated."""
    common = math.lcm(*(len(text) for text in texts))
    return torch.stack([text if len(text) == common else text.repeat(common // len(text), 1) for text in texts])
