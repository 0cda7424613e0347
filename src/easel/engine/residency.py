"""What stays in memory, and what leaves it first."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Residency(Generic[Key, Value]):
    """Keeps what was used last, within a number of things and a number of bytes.

    The newest always stays, however large it is: it is needed now. Whoever else still holds an evicted value keeps it.
    """

    def __init__(self, size: Callable[[Value], int], *, bytes: int, most: int | None = None) -> None:
        self._size = size
        self._budget = bytes
        self._most = most
        self._kept: OrderedDict[Key, Value] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, key: Key) -> bool:
        return key in self._kept

    def __iter__(self) -> Iterator[Key]:
        """The keys, the one used longest ago first."""
        return iter(self._kept)

    @property
    def bytes(self) -> int:
        return sum(self._size(value) for value in self._kept.values())

    def get(self, key: Key, make: Callable[[], Value]) -> Value:
        """What is kept under `key`, or else what `make` answers; when that raises, nothing is kept under `key`."""
        if key not in self._kept:
            # Room first, so that there are never more than `most` in memory, not even while one loads.
            self._evict(most=None if self._most is None else self._most - 1)
            self._kept[key] = make()
        self._kept.move_to_end(key)
        self._evict(most=self._most)
        return self._kept[key]

    def trim(self) -> None:
        """Make what is kept fit again, where values have grown since they were made."""
        self._evict(self._most)

    def forget(self, unwanted: Callable[[Key], bool]) -> None:
        """Keep nothing under the keys of which `unwanted` is true."""
        for key in [key for key in self._kept if unwanted(key)]:
            del self._kept[key]

    def _evict(self, most: int | None) -> None:
        while self._kept and most is not None and len(self._kept) > most:
            self._kept.popitem(last=False)
        while len(self._kept) > 1 and self.bytes > self._budget:
            self._kept.popitem(last=False)
