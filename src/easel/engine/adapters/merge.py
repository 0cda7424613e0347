"""Adapters that go into a network's own weights for a while.

The weights of a layer are changed in place, so that whoever holds them sees the change, and the originals are kept
aside: taking the adapters out again gives the same bits back, whatever happened in between.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch

from easel.domain.errors import InvalidRequest
from easel.engine.adapters.delta import Parts, change

WEIGHT, BIAS = "weight", "bias"


@dataclass(frozen=True, slots=True, eq=False)
class LayerChange:
    """What an adapter does to one layer."""

    adapter: str
    layer: str
    parts: Parts
    scale: float

    @property
    def bytes(self) -> int:
        return sum(part.nbytes for part in self.parts.values())


@dataclass(frozen=True, slots=True)
class Worn:
    """An adapter's changes and how much of them. Equal when they are of the same adapter at the same strength."""

    changes: tuple[LayerChange, ...]
    strength: float


class Merger:
    """What one network wears."""

    def __init__(self, network: torch.nn.Module) -> None:
        self._network = network
        self._worn: tuple[Worn, ...] = ()
        self._originals: dict[torch.Tensor, torch.Tensor] = {}

    @torch.no_grad()
    def wear(self, adapters: Sequence[Worn]) -> bool:
        """Let the network have just these, whatever it had before; answers whether that changed it.

        Without any it has its own weights again. When it raises the network is bare: InvalidRequest for an adapter that
        does not fit.
        """
        wanted = tuple(worn for worn in adapters if worn.changes and worn.strength)
        if wanted == self._worn:
            return False
        self.bare()
        try:
            for layer, changes in _by_layer(wanted).items():
                self._change(layer, changes)
        except BaseException:
            self.bare()
            raise
        self._worn = wanted
        return True

    @torch.no_grad()
    def bare(self) -> None:
        """The network's own weights, bit for bit."""
        for tensor, original in self._originals.items():
            tensor.copy_(original)
        self._originals.clear()
        self._worn = ()

    def _change(self, layer: str, changes: list[tuple[LayerChange, float]]) -> None:
        """Each change is one of the layer's own weights, so their order has no say."""
        module = self._network.get_submodule(layer)
        weight: torch.Tensor = module.get_parameter(WEIGHT)
        own = weight.float()
        merged = own.clone()
        for one, strength in changes:
            parts = {role: part.to(weight.device) for role, part in one.parts.items()}
            merged += strength * _fitting(one, parts, own)
            if BIAS in parts:
                self._add_to_bias(one, module, strength * parts[BIAS])
        self._replace(weight, merged)

    def _add_to_bias(self, change: LayerChange, module: torch.nn.Module, added: torch.Tensor) -> None:
        bias = getattr(module, BIAS, None)
        if not isinstance(bias, torch.Tensor) or bias.shape != added.shape:
            raise _misfit(change, "which has no such bias")
        self._replace(bias, bias.float() + added)

    def _replace(self, tensor: torch.Tensor, value: torch.Tensor) -> None:
        self._originals.setdefault(tensor, tensor.clone())
        tensor.copy_(value)


def _fitting(one: LayerChange, parts: Mapping[str, torch.Tensor], weight: torch.Tensor) -> torch.Tensor:
    try:
        return change(parts, one.scale, weight)
    except (ValueError, RuntimeError, IndexError) as error:
        if isinstance(error, torch.OutOfMemoryError):
            raise
        raise _misfit(one, f"whose weights are {' x '.join(map(str, weight.shape))}") from None


def _by_layer(adapters: Iterable[Worn]) -> dict[str, list[tuple[LayerChange, float]]]:
    layers: dict[str, list[tuple[LayerChange, float]]] = {}
    for worn in adapters:
        for one in worn.changes:
            layers.setdefault(one.layer, []).append((one, worn.strength))
    return layers


def _misfit(change: LayerChange, why: str) -> InvalidRequest:
    return InvalidRequest(
        "lora_model",
        f"LoRA {change.adapter} does not fit layer {change.layer}, {why}; choose one made for this checkpoint.",
    )
