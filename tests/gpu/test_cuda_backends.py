"""CUDA graphs and compiled networks: the same answers as the network's own, and nothing compiled twice."""

import pytest
import torch

from easel.engine.backends.compiled import compiled
from easel.engine.backends.graphs import GraphCapture
from easel.engine.backends.recorded import Recorded
from easel.engine.backends.stopwatch import Stopwatch

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
CUDA = torch.device("cuda")


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    layers = torch.nn.Sequential(torch.nn.Conv2d(4, 32, 3, padding=1), torch.nn.SiLU(), torch.nn.Conv2d(32, 4, 3))
    return layers.to(CUDA).requires_grad_(False)


def latents(rows: int, seed: int) -> torch.Tensor:
    return torch.randn((rows, 4, 16, 16), generator=torch.Generator().manual_seed(seed)).to(CUDA)


@torch.inference_mode()
def test_graphs_of_several_sizes_share_a_pool_and_answer_bit_for_bit_in_any_order() -> None:
    plain = network()
    recorded = Recorded(plain, GraphCapture(CUDA), always=True, wait=torch.cuda.synchronize)
    for seed, rows in enumerate((2, 4, 8, 2, 8, 4, 2)):
        assert torch.equal(recorded(latents(rows, seed)), plain(latents(rows, seed)))
    assert recorded.recordings == 3


@torch.inference_mode()
def test_an_answer_outlives_the_next_call() -> None:
    plain = network()
    recorded = Recorded(plain, GraphCapture(CUDA), always=True)
    first = recorded(latents(2, 1))
    recorded(latents(2, 2))
    assert torch.equal(first, plain(latents(2, 1)))


@torch.inference_mode()
def test_a_graph_follows_weights_that_change_in_place() -> None:
    plain = network()
    recorded = Recorded(plain, GraphCapture(CUDA), always=True)
    recorded(latents(2, 1))
    next(plain.parameters()).mul_(2)
    assert torch.equal(recorded(latents(2, 1)), plain(latents(2, 1)))


@torch.inference_mode()
def test_a_compiled_network_is_compiled_once_for_each_size() -> None:
    import torch._dynamo.config

    plain = network()
    fast = compiled(plain, CUDA)
    for rows in (2, 4):
        torch.testing.assert_close(fast(latents(rows, 1)), plain(latents(rows, 1)), atol=1e-2, rtol=1e-2)
    with torch._dynamo.config.patch(error_on_recompile=True):
        for seed, rows in enumerate((4, 2, 4)):
            fast(latents(rows, seed))


@torch.inference_mode()
def test_calls_are_timed_without_waiting_for_them() -> None:
    plain, heard = network(), list[float]()
    stopwatch = Stopwatch(CUDA)
    for _ in range(3):
        with stopwatch.time(heard.append):
            plain(latents(8, 1))
        torch.cuda.synchronize()
    assert len(heard) == 2
    assert min(heard) > 0
