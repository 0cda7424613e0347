"""The adapters in memory, and what each network call and each text is given of them."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Self, TypeAlias

import torch

from easel.engine.adapters.adaptable import Adaptable
from easel.engine.adapters.file import AdapterFile, read_adapter
from easel.engine.adapters.fit import Fitted, PartFit, fit
from easel.engine.adapters.header import read_header, refused
from easel.engine.adapters.layout import needs_merging
from easel.engine.adapters.merge import Worn
from easel.engine.adapters.names import UNET
from easel.engine.request import AdapterMix, Checkpoint, PictureRequest, WeightsFile
from easel.engine.residency import Residency

RANKS = (8, 16, 32, 64, 128)
"""A mix's rank is rounded up to one of these, or to a multiple of the last: recordings are made by shape."""

Mix: TypeAlias = tuple[AdapterMix, ...]
Row: TypeAlias = tuple[tuple[PartFit, float], ...]
"""What the adapters of one row of a call do to the network, and how much of each."""


@dataclass(frozen=True, slots=True)
class Version:
    """An adapter's file as it is now. Another that takes its place is another adapter."""

    adapter: WeightsFile
    changed: int
    bytes: int

    @classmethod
    def of(cls, adapter: WeightsFile) -> Self:
        """Raises InvalidRequest when the file is gone."""
        try:
            stat = adapter.file.stat()
        except OSError as error:
            raise refused(adapter.name, f"{adapter.file} cannot be read ({error.strerror}).") from None
        return cls(adapter, stat.st_mtime_ns, stat.st_size)


@dataclass(slots=True)
class Counts:
    """Since the start."""

    fitted: int = 0
    """How often an adapter was brought into memory."""
    reused: int = 0
    """How often one was there already."""
    merges: int = 0
    """How often a network's own weights were changed."""


class AdapterShelf:
    """Belongs to the thread of its runner; files are read in a thread of its own."""

    def __init__(self, *, bytes: int) -> None:
        self.counts = Counts()
        self._fitted: Residency[tuple[Checkpoint, Version], Fitted] = Residency(
            lambda fitted: fitted.bytes, bytes=bytes
        )
        self._expected: dict[str, tuple[Version, ...]] = {}
        """By the pictures that are to be drawn with them."""
        self._reading: dict[Version, Future[AdapterFile]] = {}
        self._reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="adapters")
        self._in_use: dict[str, tuple[Fitted, ...]] = {}
        """By the pictures that hold them: what is evicted under way stays with those that draw with it."""
        self._last = _Stacked((), torch.zeros(0))

    @property
    def bytes(self) -> int:
        return self._fitted.bytes

    @property
    def is_reading(self) -> bool:
        return any(not reading.done() for reading in self._reading.values())

    def resident(self) -> list[str]:
        """Names of the adapters in memory, the one used longest ago first."""
        return [version.adapter.name for _, version in self._fitted]

    def expect(self, request: PictureRequest) -> Mix:
        """Begin to read what the picture needs. Answers which of its adapters must be merged.

        Raises InvalidRequest for a file that is no adapter; only its header is read before this returns.
        """
        merged: list[AdapterMix] = []
        versions: list[Version] = []
        for mix in request.adapters:
            if needs_merging(mix.adapter.name, read_header(mix.adapter.name, mix.adapter.file)):
                merged.append(mix)
            versions.append(Version.of(mix.adapter))
        for version in versions:
            if version not in self._reading and (request.checkpoint, version) not in self._fitted:
                self._reading[version] = self._reader.submit(read_adapter, version.adapter)
        self._expected[request.id] = tuple(versions)
        return tuple(merged)

    def are_read(self, request: PictureRequest) -> bool:
        """Whether the picture's adapters can be held without a wait for a disk."""
        reading = [self._reading.get(version) for version in self._expected.get(request.id, ())]
        return all(one is None or one.done() for one in reading)

    def wait(self, seconds: float) -> None:
        """Until a file has been read, and at most so long."""
        wait([one for one in self._reading.values() if not one.done()], seconds, FIRST_COMPLETED)

    def hold(self, request: PictureRequest, adaptable: Adaptable) -> tuple[str, ...]:
        """Fit the picture's adapters and keep them until `release`. Answers notes for the customer."""
        if request.id not in self._expected:
            self.expect(request)
        held = tuple(self._get(request.checkpoint, version, adaptable) for version in self._expected[request.id])
        self._in_use[request.id] = held
        return tuple(note for fitted in held for note in fitted.notes)

    def release(self, id: str) -> None:
        """Forget the picture; no harm if it is not there."""
        self._in_use.pop(id, None)
        for version in self._expected.pop(id, ()):
            if not any(version in others for others in self._expected.values()):
                self._reading.pop(version, None)

    def forget(self, checkpoint: Checkpoint) -> None:
        """What was fitted to it: when it is loaded again it may be another."""
        self._fitted.forget(lambda key: key[0] == checkpoint)

    def encoding(self, request: PictureRequest, adaptable: Adaptable) -> "TextAdapters":
        """What the picture's adapters do to its texts."""
        factors: dict[str, torch.Tensor] = {}
        worn: dict[str, list[Worn]] = {}
        key: list[tuple[str, Version, float]] = []
        for part in adaptable.networks.keys() - {UNET}:
            parts: list[tuple[PartFit, float]] = []
            for mix, version, fitted in self._held(request):
                own = fitted.of(part)
                if not mix.text_strength or (own.matrix is None and not own.changes):
                    continue
                key.append((part, version, mix.text_strength))
                if own.matrix is not None:
                    parts.append((own, mix.text_strength))
                else:
                    worn.setdefault(part, []).append(Worn(own.changes, mix.text_strength))
            if parts:
                factors[part] = _stacked([tuple(parts)], adaptable, part)
        return TextAdapters(tuple(key), factors, worn)

    def wear(self, request: PictureRequest, merged: Mix, adaptable: Adaptable) -> None:
        """Let the network have `merged`, which are among the request's adapters, in its weights; and nothing else."""
        held = [(mix, fitted) for mix, _, fitted in self._held(request) if mix in merged]
        worn = [Worn(fitted.of(UNET).changes, mix.strength) for mix, fitted in held]
        self.counts.merges += adaptable.mergers[UNET].wear(worn)

    def factors(self, requests: Sequence[PictureRequest], adaptable: Adaptable) -> torch.Tensor:
        """Of the rows of a call, each of which is for one of `requests`: (1 or rows) x rank x columns."""
        rows = tuple(self._row(request) for request in requests)
        if not any(rows):
            return adaptable.no_factors
        if len(set(rows)) == 1:
            rows = rows[:1]
        # From tick to tick the rows are mostly the same.
        if self._last.rows != rows:
            self._last = _Stacked(rows, _stacked(rows, adaptable, UNET))
        return self._last.factors

    def _held(self, request: PictureRequest) -> Iterable[tuple[AdapterMix, Version, Fitted]]:
        id = request.id
        return zip(request.adapters, self._expected.get(id, ()), self._in_use.get(id, ()), strict=True)

    def _row(self, request: PictureRequest) -> Row:
        parts = [(fitted.of(UNET), mix.strength) for mix, _, fitted in self._held(request)]
        return tuple((part, strength) for part, strength in parts if part.matrix is not None and strength)

    def _get(self, checkpoint: Checkpoint, version: Version, adaptable: Adaptable) -> Fitted:
        key = (checkpoint, version)
        if key in self._fitted:
            self.counts.reused += 1
        return self._fitted.get(key, lambda: self._fit(checkpoint, version, adaptable))

    def _fit(self, checkpoint: Checkpoint, version: Version, adaptable: Adaptable) -> Fitted:
        reading = self._reading.pop(version, None)
        file = reading.result() if reading else read_adapter(version.adapter)
        self.counts.fitted += 1
        return fit(file, checkpoint, adaptable)


@dataclass(frozen=True, slots=True, eq=False)
class TextAdapters:
    key: tuple[tuple[str, Version, float], ...]
    """What texts encoded with other adapters differ in."""
    factors: Mapping[str, torch.Tensor]
    worn: Mapping[str, Sequence[Worn]]


@dataclass(frozen=True, slots=True, eq=False)
class _Stacked:
    rows: Sequence[Row]
    factors: torch.Tensor


def _stacked(rows: Sequence[Row], adaptable: Adaptable, part: str) -> torch.Tensor:
    """Each row's matrices one below the other, with their strengths in the outputs' columns."""
    matrices = [[(own.matrix, strength) for own, strength in row if own.matrix is not None] for row in rows]
    rank = _rounded_up(max(sum(matrix.shape[0] for matrix, _ in row) for row in matrices))
    width = max(matrix.shape[1] for row in matrices for matrix, _ in row)
    like = next(matrix for row in matrices for matrix, _ in row)
    is_output = adaptable.sites[part].outputs_at(width).to(like.device)
    stacked = torch.zeros((len(rows), rank, width), dtype=like.dtype, device=like.device)
    for at, row in enumerate(matrices):
        top = 0
        for matrix, strength in row:
            bottom, right = top + matrix.shape[0], matrix.shape[1]
            stacked[at, top:bottom, :right] = torch.where(is_output[:right], matrix * strength, matrix)
            top = bottom
    return stacked


def _rounded_up(rank: int) -> int:
    fitting = [bucket for bucket in RANKS if bucket >= rank]
    return fitting[0] if fitting else -(-rank // RANKS[-1]) * RANKS[-1]
