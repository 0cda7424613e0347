"""Muon: momentum whose update of a weight matrix is made orthogonal, so that all of its directions move alike.

An ordinary update is nearly of low rank: a few directions take most of the step. Jordan et al. 2024 replace it by the
nearest orthogonal matrix, found by a few Newton-Schulz steps; Liu et al. 2025, arXiv:2502.16982, scale it so that
AdamW's learning rate and weight decay stay what they were. (PyTorch's own takes no convolutions, and each of several
processes would do all of the work.)
"""

from collections.abc import Iterable
from typing import Any, Final

import torch

from easel.train.parallel import exchange

_COEFFICIENTS: Final = (3.4445, -4.7750, 2.0315)  # Jordan's quintic: fast for small singular values, and near 1 at last
_ITERATIONS: Final = 5
_ADAM_RMS: Final = 0.2  # the usual size of AdamW's updates, in units of the learning rate
_SMALLEST: Final = 16  # matrices with a thinner side have too few directions to share anything out


def suits(name: str, parameter: torch.nn.Parameter) -> bool:
    """Whether a network's parameter is a matrix in its inside: a convolution counts as (out, in x taps). What reads
    pictures in and writes them out is AdamW's, and so is everything that is no matrix or only hears the time."""
    if name.startswith(("conv_in.", "conv_out.", "time_embedding.")) or "time_emb_proj" in name or parameter.ndim < 2:
        return False
    return min(parameter.shape[0], parameter[0].numel()) >= _SMALLEST


def orthogonal(update: torch.Tensor) -> torch.Tensor:
    """The matrix (rows, columns, or a convolution's weight) with its singular values moved near to 1.

    The iteration X <- (a + b X X' + c (X X')^2) X is run on the small square matrix X X' alone, since all of its
    factors commute: a third of the work for a matrix nine times as wide as high.
    """
    if update.ndim > 2:
        return orthogonal(update.flatten(1)).view_as(update)
    if update.shape[0] > update.shape[1]:
        return orthogonal(update.T).T
    a, b, c = _COEFFICIENTS
    matrix = update / (update.norm() + 1e-12)
    square = matrix @ matrix.T
    identity = torch.eye(len(square), dtype=square.dtype, device=square.device)
    product = factor = torch.addmm(a * identity + b * square, square, square, alpha=c)
    for _ in range(_ITERATIONS - 1):
        square = factor @ square @ factor
        factor = torch.addmm(a * identity + b * square, square, square, alpha=c)
        product = factor @ product
    return product @ matrix


class Muon(torch.optim.Optimizer):
    """For the parameters that `suits` names. Of several processes each makes its share of the updates."""

    def __init__(self, parameters: Iterable[torch.nn.Parameter], lr: float, *, momentum: float = 0.95,
                 weight_decay: float = 0.01, rank: int = 0, processes: int = 1) -> None:  # fmt: skip
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        self._rank, self._processes = rank, processes

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            updates = self._momenta(parameters, group["momentum"])
            made_by = shared_out([_cost(p) for p in parameters], self._processes)
            for i, rank in enumerate(made_by):
                if rank == self._rank:
                    updates[i] = _ADAM_RMS * max(updates[i].flatten(1).shape) ** 0.5 * orthogonal(updates[i])
            exchange(updates, made_by)
            torch._foreach_mul_(parameters, 1 - group["lr"] * group["weight_decay"])
            torch._foreach_add_(parameters, updates, alpha=-group["lr"])

    def _momenta(self, parameters: list[torch.nn.Parameter], momentum: float) -> list[torch.Tensor]:
        """Nesterov's: a look ahead along the running mean."""
        for p in parameters:
            if "mean" not in self.state[p]:
                self.state[p]["mean"] = torch.zeros_like(p)
        means, gradients = [self.state[p]["mean"] for p in parameters], [p.grad for p in parameters]
        torch._foreach_lerp_(means, gradients, 1 - momentum)
        return list(torch._foreach_lerp(gradients, means, momentum))


def shared_out(costs: list[float], processes: int) -> list[int]:
    """The process that each matrix goes to: the dearest first, to whom has least to do."""
    goes_to, spent = [0] * len(costs), [0.0] * processes
    for i in sorted(range(len(costs)), key=lambda i: -costs[i]):
        goes_to[i] = spent.index(min(spent))
        spent[goes_to[i]] += costs[i]
    return goes_to


def _cost(parameter: torch.nn.Parameter) -> float:
    short, long = sorted((parameter.shape[0], parameter[0].numel()))
    return short * short * (2 * long + 4 * _ITERATIONS * short)
