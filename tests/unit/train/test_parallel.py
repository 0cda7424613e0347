"""Two processes: gradients, matrices and numbers pass between them through shared memory."""

from pathlib import Path

import numpy as np
import torch

from easel.train import parallel


def _work(rank: int, processes: int, out: Path) -> None:
    weight, bias = torch.nn.Parameter(torch.zeros(3, 4)), torch.nn.Parameter(torch.zeros(5))
    unused = torch.nn.Parameter(torch.zeros(2))
    kept = []
    for step in range(3):
        weight.grad, bias.grad = torch.full((3, 4), 1.0 + rank + step), torch.arange(5.0) * (rank + 1)
        parallel.average_gradients([weight, unused, bias])
        kept += [weight.grad.clone().flatten(), bias.grad.clone()]
    made = [torch.full((2, 2), 10.0 * rank + i) for i in range(3)]
    parallel.exchange(made, [1, 0, 1])
    numbers = torch.tensor([parallel.share(7.5 + rank), parallel.mean(float(rank)), float(processes)])
    np.save(out / f"{rank}.npy", torch.cat([*kept, *(t.flatten() for t in made), numbers]).numpy())


def test_both_end_with_the_same_numbers(tmp_path: Path) -> None:
    parallel.launch(_work, 2, tmp_path)
    first, second = (np.load(tmp_path / f"{rank}.npy") for rank in (0, 1))
    assert np.array_equal(first, second)
    gradients = [part for step in range(3) for part in (np.full(12, 1.5 + step), np.arange(5) * 1.5)]
    matrices = [np.full(4, 10.0), np.full(4, 1.0), np.full(4, 12.0)]
    assert np.array_equal(first, np.concatenate([*gradients, *matrices, [7.5, 0.5, 2.0]]))


def test_alone_nothing_is_waited_for(tmp_path: Path) -> None:
    parallel.launch(_work, 1, tmp_path)
    assert np.load(tmp_path / "0.npy")[-3:].tolist() == [7.5, 0.0, 1.0]
