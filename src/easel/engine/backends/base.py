"""What a backend is: a way to run a network, behind the network's own signature."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Self, TypeAlias

import torch

Network: TypeAlias = Callable[..., torch.Tensor]
"""Tensors in, one tensor out. What it does may depend on their shapes, not on the numbers in them."""

Tensors: TypeAlias = tuple[torch.Tensor, ...]
Shapes: TypeAlias = tuple[tuple[int, ...], ...]


class Backend(StrEnum):
    """How networks are run. The first three give the same bits; each of the others gives bits of its own."""

    AUTO = "auto"
    """The faster of the next two, by measurement."""
    EAGER = "eager"
    RECORDED = "recorded"
    """The same kernels with no Python between them: TorchScript on a CPU, a CUDA graph on a GPU."""
    COMPILED = "compiled"
    """torch.compile, and a CUDA graph of that on a GPU."""
    OPENVINO = "openvino"
    OPENVINO_INT8 = "openvino-int8"
    """With weights and activations of eight bits: a little other pictures."""

    @property
    def has_own_bits(self) -> bool:
        return self not in (Backend.AUTO, Backend.EAGER, Backend.RECORDED)


@dataclass(slots=True)
class Opened:
    """A network and the ways to run it. Callable as the network is."""

    network: torch.nn.Module
    fixed: Network
    """With the weights that it had when it was opened: compilers put them into their code."""
    living: Network
    """With the weights that it has."""
    weights_changed: bool = False
    """Set this while the weights are other ones, such as with an adapter merged into them."""
    is_altered: bool = False
    """Set this while the network does something else than when it was opened: no other way to run it knows of that."""

    @classmethod
    def plainly(cls, network: torch.nn.Module) -> Self:
        return cls(network, network, network)

    def __call__(self, *inputs: torch.Tensor) -> torch.Tensor:
        if self.is_altered:
            return self.network(*inputs)
        return (self.living if self.weights_changed else self.fixed)(*inputs)


def shapes_of(inputs: Tensors) -> Shapes:
    return tuple(tuple(tensor.shape) for tensor in inputs)


def architecture(network: torch.nn.Module) -> str:
    """A digest of what the network is made of, whatever its weights: equal ones take equally long."""
    digest = hashlib.sha256()
    for name, weight in network.state_dict().items():
        digest.update(f"{name} {tuple(weight.shape)} {weight.dtype}\n".encode())
    return digest.hexdigest()[:16]


def weights_digest(network: torch.nn.Module) -> str:
    """A digest of the weights, bit for bit."""
    digest = hashlib.sha256(architecture(network).encode())
    for weight in network.state_dict().values():
        digest.update(weight.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()[:16]
