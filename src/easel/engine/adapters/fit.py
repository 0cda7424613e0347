"""An adapter fitted to the networks of a checkpoint: which of its layers is which of theirs, and do they match."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from easel.domain.errors import InvalidRequest
from easel.engine.adapters.adaptable import Adaptable
from easel.engine.adapters.delta import rank_of
from easel.engine.adapters.file import AdapterFile
from easel.engine.adapters.kin import kin_of
from easel.engine.adapters.layout import is_low_rank, needs_merging
from easel.engine.adapters.merge import LayerChange
from easel.engine.adapters.names import UNET
from easel.engine.request import Checkpoint

NAMED = 3
"""How many of the layers that a network does not have a note names."""


@dataclass(frozen=True, slots=True, eq=False)
class PartFit:
    """What an adapter does to one network: either, both or none."""

    matrix: torch.Tensor | None = None
    """rank x columns (see sites.py) on the network's device; alpha / rank is in it."""
    changes: tuple[LayerChange, ...] = ()

    @property
    def bytes(self) -> int:
        return (0 if self.matrix is None else self.matrix.nbytes) + sum(change.bytes for change in self.changes)


NOTHING = PartFit()


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """An adapter that is ready to be drawn with."""

    parts: Mapping[str, PartFit]
    notes: tuple[str, ...]

    @property
    def bytes(self) -> int:
        return sum(part.bytes for part in self.parts.values())

    def of(self, part: str) -> PartFit:
        return self.parts.get(part, NOTHING)


@dataclass(frozen=True, slots=True)
class Placed:
    """A layer of the file and the network's layer that it is for."""

    stem: str
    layer: str


def fit(adapter: AdapterFile, checkpoint: Checkpoint, adaptable: Adaptable) -> Fitted:
    """Raises InvalidRequest for an adapter of another family, or whose layers have other sizes."""
    _check_kin(adapter, checkpoint, adaptable)
    placed: dict[str, list[Placed]] = {}
    strangers: list[str] = []
    for stem in adapter.layers:
        if found := adaptable.stems.get(stem):
            part, layer = found
            placed.setdefault(part, []).append(Placed(stem, layer))
        else:
            strangers.append(stem)
    if not placed:
        raise InvalidRequest(
            "lora_model",
            f"LoRA {adapter.name} changes no layer that {checkpoint.name} (family {checkpoint.family}) has, but layers "
            f"like {strangers[0][:100]}; choose one for this family.",
        )
    merges = needs_merging(adapter.name, adapter.header)
    parts = {part: _fit_part(adapter, part, layers, adaptable, merges=merges) for part, layers in placed.items()}
    return Fitted(parts, (*_strangers_note(adapter, strangers, checkpoint), *_merge_note(adapter, merges)))


def _check_kin(adapter: AdapterFile, checkpoint: Checkpoint, adaptable: Adaptable) -> None:
    kin, width = kin_of(adapter.name, adapter.header), adaptable.text_width
    if kin.family not in (None, checkpoint.family):
        raise InvalidRequest(
            "lora_model",
            f"LoRA {adapter.name} was made for checkpoints of family {kin.family}, and {checkpoint.name} is of family "
            f"{checkpoint.family}: choose a LoRA for {checkpoint.family} or a checkpoint of {kin.family}.",
        )
    if None not in (kin.text_width, width) and kin.text_width != width:
        raise InvalidRequest(
            "lora_model",
            f"LoRA {adapter.name} was made for another checkpoint than {checkpoint.name} (family {checkpoint.family}): "
            f"its cross-attention reads {kin.text_width} numbers a token, the checkpoint's {width}.",
        )


def _fit_part(adapter: AdapterFile, part: str, layers: list[Placed], adaptable: Adaptable, *, merges: bool) -> PartFit:
    sites = adaptable.sites[part]
    beside = [
        placed
        for placed in layers
        if is_low_rank(adapter.layers[placed.stem], adapter.header.shapes) and placed.layer in sites.columns
    ]
    if len(beside) == len(layers):
        return PartFit(matrix=_matrix(adapter, part, beside, adaptable))
    if part == UNET and not merges:
        raise _misfit(adapter, next(placed for placed in layers if placed not in beside))
    return PartFit(changes=tuple(_change(adapter, part, placed) for placed in layers))


def _matrix(adapter: AdapterFile, part: str, layers: list[Placed], adaptable: Adaptable) -> torch.Tensor:
    sites, weight = adaptable.sites[part], next(adaptable.networks[part].parameters())
    factors = {placed: adapter.parts(placed.stem) for placed in layers}
    rank = max(parts["down"].shape[0] for parts in factors.values())
    matrix = torch.zeros((rank, sites.prefix({placed.layer for placed in layers})), dtype=weight.dtype)
    for placed, parts in factors.items():
        columns = sites.columns[placed.layer]
        down, up = parts["down"].flatten(1), parts["up"].flatten(1)
        own = down.shape[0]
        if down.shape[1] != columns.middle - columns.start or up.shape != (columns.stop - columns.middle, own):
            raise _misfit(adapter, placed)
        matrix[:own, columns.start : columns.middle] = down
        matrix[:own, columns.middle : columns.stop] = up.T * adapter.scale(placed.stem, part, placed.layer, own)
    return matrix.to(weight.device)


def _change(adapter: AdapterFile, part: str, placed: Placed) -> LayerChange:
    parts = adapter.parts(placed.stem)
    return LayerChange(
        adapter.name, placed.layer, parts, adapter.scale(placed.stem, part, placed.layer, rank_of(parts))
    )


def _misfit(adapter: AdapterFile, placed: Placed) -> InvalidRequest:
    return InvalidRequest(
        "lora_model",
        f"LoRA {adapter.name} does not fit the checkpoint: its layer {placed.stem[:100]} has another size than "
        f"{placed.layer}; choose one that was made for this checkpoint.",
    )


def _strangers_note(adapter: AdapterFile, strangers: list[str], checkpoint: Checkpoint) -> list[str]:
    if not strangers:
        return []
    some = ", ".join(stem[:100] for stem in strangers[:NAMED])
    return [
        f"{len(strangers)} of the {len(adapter.layers)} layers of LoRA {adapter.name} are not in {checkpoint.name} and "
        f"had no effect: {some}{', ...' if len(strangers) > NAMED else ''}."
    ]


def _merge_note(adapter: AdapterFile, merges: bool) -> list[str]:
    if not merges:
        return []
    return [
        f"LoRA {adapter.name} is more than low-rank, so it was merged into the checkpoint for this picture's own calls."
    ]
