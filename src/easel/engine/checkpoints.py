"""How checkpoints get into a device's memory, and come back to it from the host's."""

import gc
from collections.abc import Hashable
from functools import cache

import torch

from easel.engine.backends.families import run_by
from easel.engine.backends.opening import Opener
from easel.engine.families import family_named
from easel.engine.families.base import LoadedFamily
from easel.engine.families.source import HostWeights, Source, weights_size, weights_stamp
from easel.engine.request import Checkpoint
from easel.engine.residency import Residency


class CheckpointLoader:
    """Loads for a library. On a GPU the weights are kept in host memory as well, pinned, to come back fast."""

    def __init__(self, device: torch.device, dtype: torch.dtype, *, host_bytes: int, opener: Opener) -> None:
        """`host_bytes` is room for weights in host memory beside a GPU; on a CPU the library's own is all there is.
        `opener` decides how networks are run.
        """
        self._device = device
        self._dtype = dtype
        self._opener = opener
        self._has_host = device.type != "cpu"
        self._host: Residency[tuple[Checkpoint, Hashable], HostWeights] = Residency(
            lambda weights: weights.bytes, bytes=host_bytes
        )
        self._has_garbage = False
        self.in_host: tuple[Checkpoint, ...] = ()
        """Those in host memory, the one used last first. May be read from any thread."""

    def stamp(self, key: Checkpoint) -> Hashable:
        return weights_stamp(key.folder, family_named(key.family).parts)

    def size(self, key: Checkpoint) -> int:
        return weights_size(key.folder, family_named(key.family).parts, self._dtype)

    def left(self) -> None:
        """A checkpoint has left the device: what held it in circles can be given back before the next is loaded."""
        self._has_garbage = True

    def load(self, key: Checkpoint) -> LoadedFamily:
        family_named(key.family).bring_libraries()
        _leave_libraries_alone()
        if self._has_garbage:
            self._has_garbage = False
            gc.collect()
        family = self._load_by_way_of_the_host(key) if self._has_host else self._read(key)
        run_by(self._opener, family, key.folder)
        return family

    def _read(self, key: Checkpoint, host: HostWeights | None = None) -> LoadedFamily:
        return family_named(key.family).load(Source(key.folder, self._device, self._dtype, host=host))

    def _load_by_way_of_the_host(self, key: Checkpoint) -> LoadedFamily:
        # What last used the memory that the weights will take may still be queued on the device.
        torch.cuda.synchronize(self._device)
        host = self._host.get((key, self.stamp(key)), HostWeights)
        # A stream of its own: networks that draw meanwhile do not wait for the copies.
        with torch.cuda.stream(torch.cuda.Stream(self._device)) as _:
            family = self._read(key, host)
            torch.cuda.current_stream(self._device).synchronize()
        self._host.trim()
        self.in_host = tuple(checkpoint for checkpoint, _ in reversed(list(self._host)))
        return family


@cache
def _leave_libraries_alone() -> None:
    """Half a million objects of the libraries need not be looked at whenever a checkpoint has left: a quarter of a
    second in which nobody draws. Once in a process, before its first weights, which must not be among them."""
    gc.collect()
    gc.freeze()
