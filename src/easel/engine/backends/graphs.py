"""A recording of a network on a GPU: a CUDA graph.

A network call is several hundred kernels; launched one by one, the GPU waits for Python most of the time on all but the
largest batches. A graph launches them all at once. Graphs share one pool of memory: two never run at once, and what one
answers is copied out before the next begins.
"""

from typing import Any

import torch

from easel.engine.backends.base import Network, Tensors

WARM_UP_CALLS = 2
"""Before the capture, on a stream of their own: libraries choose kernels and take their workspaces at first calls."""


class GraphCapture:
    """Captures calls on one GPU, all into one pool."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._pool: Any = None

    def __call__(self, network: Network, inputs: Tensors) -> Network:
        """The kernels of `network` for inputs of these shapes. Raises whatever cannot be captured.

        Weights may change in place afterwards but not be exchanged.
        """
        with torch.cuda.device(self._device):
            return self._capture(network, inputs)

    def _capture(self, network: Network, inputs: Tensors) -> Network:
        held = [torch.empty_like(tensor, device=self._device).copy_(tensor) for tensor in inputs]
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP_CALLS):
                network(*held)
        torch.cuda.current_stream().wait_stream(stream)
        if self._pool is None:
            self._pool = torch.cuda.graph_pool_handle()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool):
            answer = network(*held)

        def replay(*inputs: torch.Tensor) -> torch.Tensor:
            for own, tensor in zip(held, inputs, strict=True):
                own.copy_(tensor)
            graph.replay()
            return answer.clone()

        return replay
