"""How much each kind of adapter changes a layer's weights, at strength 1.

LoRA      arXiv:2106.09685     up @ down
LoCon     the same for a convolution: down has its kernel, up is 1 x 1; or a small kernel stands between (Tucker)
LoHa      arXiv:2108.06098     (w1_a @ w1_b) * (w2_a @ w2_b), element by element
LoKr      arXiv:2309.14859     the Kronecker product of w1 and w2, either of which may be a product itself
          each of these times alpha / rank
full      the difference itself
DoRA      arXiv:2402.09353     any of them, the sum of weights and change scaled to a learned length for each output

All in float32, in torch's shapes: outputs x inputs, and x rows x columns for a convolution. Roles are layout.py's.
"""

import math
from collections.abc import Mapping

import torch

from easel.engine.adapters.header import Shape

Parts = Mapping[str, torch.Tensor]
"""A layer's tensors by role, float32."""


def rank_of(parts: Parts) -> int | None:
    """What alpha is divided by; None where nothing is factored."""
    for role in ("down", "w1_b", "kw1_b", "kw2_b"):
        if role in parts:
            return parts[role].shape[0]
    return None


def inputs_of(shapes: Mapping[str, Shape]) -> int | None:
    """How many inputs the layer has that these parts are for; None where their shapes do not say."""
    for role in ("down", "w1_b", "difference"):
        if role in shapes and len(shapes[role]) > 1:
            return shapes[role][1]
    first, second = shapes.get("kw1", shapes.get("kw1_b")), shapes.get("kw2", shapes.get("kw2_b"))
    return first[1] * second[1] if first and second and len(first) > 1 < len(second) else None


def change(parts: Parts, scale: float, weight: torch.Tensor) -> torch.Tensor:
    """What is to be added to `weight`, float32 and in its shape. Raises ValueError where the parts are for another."""
    added = torch.zeros_like(weight)
    for kind, build in (("down", _low_rank), ("w1_a", _hadamard), ("kw2", _kronecker), ("kw2_a", _kronecker)):
        if kind in parts:
            # Looked at before the product is made: two small factors may make one that fills the memory.
            if any(size != weight.numel() for size in _sizes(kind, parts)):
                raise ValueError("the factors are those of a layer of another size")
            added = added + scale * build(parts).reshape(weight.shape)
    if "difference" in parts:
        added = added + parts["difference"].reshape(weight.shape)
    if "magnitude" in parts or "output_magnitude" in parts:
        return _at_length(weight + added, parts) - weight
    return added


def _sizes(kind: str, parts: Parts) -> list[int]:
    """Elements of each product that is going to be made."""
    match kind:
        case "down":
            kernel = parts["mid"] if "mid" in parts else parts["down"]
            return [parts["up"].shape[0] * parts["down"].shape[1] * math.prod(kernel.shape[2:])]
        case "w1_a":
            return [_product_size(parts, f"t{n}", f"w{n}_a", f"w{n}_b") for n in (1, 2)]
        case _:
            first = parts["kw1"].numel() if "kw1" in parts else _product_size(parts, "", "kw1_a", "kw1_b")
            second = parts["kw2"].numel() if "kw2" in parts else _product_size(parts, "kt2", "kw2_a", "kw2_b")
            return [first * second]


def _product_size(parts: Parts, core: str, a: str, b: str) -> int:
    if core in parts:
        return parts[a].shape[1] * parts[b].shape[1] * math.prod(parts[core].shape[2:])
    return parts[a].shape[0] * parts[b].shape[1]


def _low_rank(parts: Parts) -> torch.Tensor:
    down, up = parts["down"], parts["up"]
    if "mid" in parts:
        return torch.einsum("mnhw,im,nj->ijhw", parts["mid"], up.flatten(1), down.flatten(1))
    return up.flatten(1) @ down.flatten(1)


def _hadamard(parts: Parts) -> torch.Tensor:
    return _product(parts, "t1", "w1_a", "w1_b") * _product(parts, "t2", "w2_a", "w2_b")


def _kronecker(parts: Parts) -> torch.Tensor:
    first = parts["kw1"] if "kw1" in parts else parts["kw1_a"] @ parts["kw1_b"]
    second = parts["kw2"] if "kw2" in parts else _product(parts, "kt2", "kw2_a", "kw2_b")
    return torch.kron(first.reshape(*first.shape, *(1 for _ in second.shape[2:])), second.contiguous())


def _product(parts: Parts, core: str, a: str, b: str) -> torch.Tensor:
    """a @ b; with a core (rank x rank x rows x columns), which a and b (rank x outputs, rank x inputs) blow up."""
    if core in parts:
        return torch.einsum("ijhw,jr,ip->prhw", parts[core], parts[b], parts[a])
    return parts[a] @ parts[b]


def _at_length(weight: torch.Tensor, parts: Parts) -> torch.Tensor:
    """PEFT's magnitudes count outputs. Those of LyCORIS count inputs where their first side is 1."""
    magnitude = parts.get("output_magnitude", parts.get("magnitude"))
    assert magnitude is not None
    per_input = "output_magnitude" not in parts and magnitude.dim() > 1 and magnitude.shape[0] == 1
    kept = 1 if per_input and weight.shape[0] != 1 else 0
    others = tuple(dim for dim in range(weight.dim()) if dim != kept)
    lengths = torch.linalg.vector_norm(weight, dim=others, keepdim=True)
    return weight * (magnitude.reshape(lengths.shape) / lengths.clamp_min(torch.finfo(weight.dtype).tiny))
