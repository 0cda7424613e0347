"""Self-attention guidance (Hong et al., arXiv:2210.00939): the picture is led away from what the network would draw if
what it attends to most were blurred. The numbers are the paper's.
"""

from typing import Any

import torch
from torch.nn.functional import conv2d, interpolate, pad

from easel.engine.inside.merging import Grid

THRESHOLD = 1.0
"""Attention that a token gets from all tokens together, from which on it is blurred; 1 is the mean."""

REACH = 4
"""Latents on each side that the blur mixes in; SIGMA is its Gaussian's, in latents."""
SIGMA = 1.0


class WatchedAttention:
    """A processor of diffusers' self-attention, `inner`, that takes down how much attention each token gets."""

    def __init__(self, inner: Any, grid: Grid) -> None:
        self._inner = inner
        self._grid = grid
        self.received: torch.Tensor | None = None
        """rows x h x w, once it was called."""

    def __call__(self, attention: Any, hidden_states: torch.Tensor, *others: Any, **named: Any) -> torch.Tensor:
        self.received = _received(attention, hidden_states).unflatten(1, self._grid)
        return self._inner(attention, hidden_states, *others, **named)


def degraded(latents: torch.Tensor, clean: torch.Tensor, attention: torch.Tensor, alphas: torch.Tensor) -> torch.Tensor:
    """`latents` (rows x channels x h x w) with their clean picture blurred where much attention is, under the same
    noise.

    alpha * x0 + sigma * eps is `latents`, so that with another x0 and the same eps it is alpha * (the difference) more.
    """
    much = (attention > THRESHOLD).float()[:, None]
    return latents + alphas * interpolate(much, size=latents.shape[-2:]) * (_blurred(clean) - clean)


def _received(attention: Any, tokens: torch.Tensor) -> torch.Tensor:
    """rows x tokens: from all of them together, the mean over the heads. One head at a time, for the memory's sake."""
    queries, keys = (
        layer(tokens).unflatten(-1, (attention.heads, -1)).float() for layer in (attention.to_q, attention.to_k)
    )
    total = torch.zeros(tokens.shape[:2], device=tokens.device)
    for query, key in zip(queries.unbind(2), keys.unbind(2), strict=True):
        total += (attention.scale * query @ key.transpose(1, 2)).softmax(dim=-1).sum(dim=1)
    return total / attention.heads


def _blurred(latents: torch.Tensor) -> torch.Tensor:
    channels, sides = latents.shape[1], latents.shape[-2:]
    places = torch.arange(-REACH, REACH + 1, device=latents.device, dtype=latents.dtype)
    line = (-0.5 * (places / SIGMA) ** 2).exp()
    kernel = (line[:, None] * line / line.sum() ** 2).expand(channels, 1, -1, -1)
    # A mirror needs more latents than it shows.
    edge = "reflect" if min(sides) > REACH else "replicate"
    return conv2d(pad(latents, [REACH] * 4, mode=edge), kernel, groups=channels)
