"""A network through torch.compile: inductor fuses what lies between the matrix products and convolutions.

The whole network is one graph for each set of shapes. Timesteps, guidance and adapters are tensors, so that other
numbers in them never compile anything again; a part that cannot be compiled is an error, not a slow path.
"""

from typing import Any, cast

import torch

from easel.engine.backends.base import Network
from easel.engine.backends.graphs import GraphCapture
from easel.engine.backends.recorded import MOST_SHAPES, Recorded


def compiled(network: torch.nn.Module, device: torch.device) -> Network:
    """`network` compiled at the first call of each set of shapes: minutes on large networks, and never after.

    On a GPU the compiled kernels are launched as a CUDA graph. Weights are not frozen into the code: on a CPU that made
    the starter model slower (docs/log).
    """
    import torch._dynamo.config

    config = cast(Any, torch._dynamo.config)
    config.recompile_limit = max(config.recompile_limit, MOST_SHAPES)
    config.fail_on_recompile_limit_hit = True
    whole = cast(Network, torch.compile(network, fullgraph=True, dynamic=False))
    if device.type == "cuda":
        return Recorded(whole, GraphCapture(device), always=True)
    return whole
