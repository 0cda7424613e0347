"""Where a network takes adapters: beside every linear layer, and every convolution that is one at each pixel.

An adapter is a matrix of `rank` rows. Each layer has columns of its own in it: first as many as it has inputs, which
its input is projected with, then as many as it has outputs, which the projections are multiplied by. So a mix of
adapters is their matrices one below the other, a smaller rank is padded with rows of zeros, and each row of a network
call brings a matrix:

    y = W x + up.T (down x)          down: rank x inputs and up: rank x outputs, of the row at hand

Attention's columns come first, the transformers' others next, the rest last: a call whose adapters all stay within the
attention is given those columns only, and the other layers are not touched.
"""

from dataclasses import dataclass

import torch
from torch.nn import functional

NO_RANK = 0

ATTENTION, TRANSFORMER, REST = GROUPS = range(3)


@dataclass(frozen=True, slots=True)
class Columns:
    """A layer's place in an adapter's matrix: inputs from `start`, outputs from `middle`, to `stop`."""

    start: int
    middle: int
    stop: int


class Sites:
    """The places in one network. Making them changes how its layers are called, not one of its weights."""

    def __init__(self, network: torch.nn.Module) -> None:
        self.factors: torch.Tensor | None = None
        """Of the call under way: (1 or rows) x rank x columns; None or of rank 0 without adapters."""
        self.columns: dict[str, Columns] = {}
        self.prefixes: list[int] = []
        """How many columns there are up to the end of each group of layers."""
        layers = {name: module for name, module in network.named_modules() if _takes_adapters(module)}
        width = 0
        for group in GROUPS:
            for name in [name for name in layers if _group(name) == group]:
                outputs, inputs = layers[name].get_parameter("weight").shape[:2]
                self.columns[name] = Columns(width, width + inputs, width + inputs + outputs)
                width += inputs + outputs
                _make_adaptable(layers[name], self, self.columns[name])
            self.prefixes.append(width)

    def prefix(self, layers: set[str]) -> int:
        """The fewest columns to be given that reach all `layers`; 0 for none."""
        reach = max((self.columns[layer].stop for layer in layers), default=0)
        return next((width for width in (0, *self.prefixes) if width >= reach), 0)

    def outputs_at(self, width: int) -> torch.Tensor:
        """Which of the first `width` columns are outputs."""
        is_output = torch.zeros(width, dtype=torch.bool)
        for columns in self.columns.values():
            if columns.stop <= width:
                is_output[columns.middle : columns.stop] = True
        return is_output

    def add(self, plain: torch.Tensor, tokens: torch.Tensor, columns: Columns) -> torch.Tensor:
        """`plain` (rows x tokens x outputs) and what the call's adapters make of `tokens` (rows x tokens x inputs).

        A row whose factors are zeros keeps its numbers exactly.
        """
        factors = self.factors
        assert factors is not None
        down = factors[:, :, columns.start : columns.middle]
        up = factors[:, :, columns.middle : columns.stop]
        if factors.shape[0] == 1:
            flat = torch.addmm(plain.flatten(0, -2), tokens.flatten(0, -2) @ down[0].T, up[0])
            return flat.view(plain.shape)
        return torch.baddbmm(plain, torch.bmm(tokens, down.transpose(1, 2)), up)

    def reach(self, columns: Columns) -> bool:
        """Whether the call under way has factors for the layer. Depends on shapes alone: a recording may rely on it."""
        return self.factors is not None and self.factors.shape[1] > NO_RANK and self.factors.shape[2] >= columns.stop


class Adapted(torch.nn.Module):
    """A network as a function of tensors, the first of which are the adapters' factors."""

    def __init__(self, network: torch.nn.Module, sites: Sites) -> None:
        super().__init__()
        self.network = network
        self.sites = sites

    def forward(self, factors: torch.Tensor, *inputs: torch.Tensor) -> torch.Tensor:
        self.sites.factors = factors
        try:
            return self.network(*inputs)
        finally:
            self.sites.factors = None


def no_factors(device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    """What a call without adapters is given."""
    return torch.zeros((1, NO_RANK, 0), device=device, dtype=dtype)


class AdaptableLinear(torch.nn.Linear):
    sites: Sites
    columns: Columns

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        plain = functional.linear(input, self.weight, self.bias)
        if not self.sites.reach(self.columns):
            return plain
        rows = input.shape[0]
        added = self.sites.add(
            plain.reshape(rows, -1, plain.shape[-1]), input.reshape(rows, -1, input.shape[-1]), self.columns
        )
        return added.view(plain.shape)


class AdaptablePointwise(torch.nn.Conv2d):
    """A convolution of one pixel: a linear layer over the channels of each."""

    sites: Sites
    columns: Columns

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        plain = functional.conv2d(input, self.weight, self.bias)
        if not self.sites.reach(self.columns):
            return plain
        rows, _, height, width = input.shape
        added = self.sites.add(_as_tokens(plain), _as_tokens(input), self.columns)
        return added.view(rows, height, width, -1).permute(0, 3, 1, 2)


def _as_tokens(pixels: torch.Tensor) -> torch.Tensor:
    """rows x channels x h x w -> rows x pixels x channels; no copy where channels come last in memory."""
    return pixels.permute(0, 2, 3, 1).flatten(1, 2)


def _takes_adapters(module: torch.nn.Module) -> bool:
    """Subclasses are left alone: they may use their weights in other ways than by being called."""
    if type(module) is torch.nn.Linear:
        return True
    return type(module) is torch.nn.Conv2d and (
        module.kernel_size == (1, 1) and module.stride == (1, 1) and module.padding == (0, 0) and module.groups == 1
    )


def _make_adaptable(module: torch.nn.Module, sites: Sites, columns: Columns) -> None:
    """The same object with the same weights under the same names: only its forward is another."""
    kind = AdaptableLinear if isinstance(module, torch.nn.Linear) else AdaptablePointwise
    object.__setattr__(module, "__class__", kind)
    object.__setattr__(module, "sites", sites)
    object.__setattr__(module, "columns", columns)


def _group(layer: str) -> int:
    if any(mark in layer for mark in (".attn1.", ".attn2.", ".self_attn.")):
        return ATTENTION
    return TRANSFORMER if any(mark in layer for mark in (".attentions.", ".mlp.")) else REST
