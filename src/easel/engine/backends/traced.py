"""A recording of a network on a CPU, by TorchScript.

A small U-Net is some five hundred kernels and twice as many Python calls a time: on the starter model the latter are a
third of a call. TorchScript's interpreter makes the same kernel calls, bit for bit, and nothing else; no compiler is
needed, and it takes a fifth of a second to record them. Its successors need a compiler (inductor) or keep Python in the
loop (export), so it is used as long as torch has it; without it the network is called as it is.
"""

import warnings
from typing import cast

import torch

from easel.engine.backends.base import Network, Tensors


def trace(network: Network, inputs: Tensors) -> Network:
    """The kernel calls of `network` for inputs of these shapes. Raises whatever the tracer does.

    Weights may change in place afterwards but not be exchanged, and must be the network's own parameters: torch never
    frees the other tensors of a recording.
    """
    with warnings.catch_warnings(action="ignore"):
        recording = cast(Network, torch.jit.trace(network, inputs, check_trace=False))

    def run(*inputs: torch.Tensor) -> torch.Tensor:
        # Or the interpreter merges products on its own, at calls of its choosing, which changes last bits.
        with torch.jit.optimized_execution(False):  # pyright: ignore[reportPrivateImportUsage]
            return recording(*inputs)

    return run
