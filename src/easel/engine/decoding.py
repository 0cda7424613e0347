"""Pictures on their way out of latents, one at a time: in the engine's turn, or on a thread of their own.

A thread of its own keeps a decode from holding up everybody's next call. It gains only where the two do not want the
same arithmetic units, so the runner says which it is.
"""

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TypeAlias

from easel.engine.events import Image
from easel.engine.trajectory import Trajectory


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    image: Image
    notes: tuple[str, ...] = ()


Decode: TypeAlias = Callable[[], Decoded]
"""Owns all that it needs: it may run on another thread, and after its picture was released."""


class Decoding:
    """The decodes in hand. One thread, the engine's, makes all calls."""

    def __init__(self, *, beside: bool) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="decode") if beside else None
        self._waiting: OrderedDict[str, tuple[Trajectory, Decode]] = OrderedDict()
        self._running: OrderedDict[str, tuple[Trajectory, Future[Decoded]]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._waiting) + len(self._running)

    def __contains__(self, id: object) -> bool:
        return id in self._waiting or id in self._running

    def add(self, picture: Trajectory, decode: Decode) -> None:
        if self._pool is None:
            self._waiting[picture.id] = (picture, decode)
        else:
            self._running[picture.id] = (picture, self._pool.submit(decode))

    def drop(self, id: str) -> None:
        """Forget the picture; no harm if it is not here. A decode that has begun ends unheard."""
        self._waiting.pop(id, None)
        if dropped := self._running.pop(id, None):
            dropped[1].cancel()

    def take(self, patience: float) -> list[tuple[Trajectory, Decode]]:
        """Pictures that leave, and for each what answers, or raises what went wrong.

        In the engine's turn that is the next one, decoded as it is asked for. Beside it, those that are ready;
        when none is, up to `patience` seconds are waited for the first.
        """
        if self._waiting:
            _, left = self._waiting.popitem(last=False)
            return [left]
        if patience:
            wait([future for _, future in self._running.values()][:1], timeout=patience)
        ready = [id for id, (_, future) in self._running.items() if future.done()]
        taken = [self._running.pop(id) for id in ready]
        return [(picture, future.result) for picture, future in taken]
