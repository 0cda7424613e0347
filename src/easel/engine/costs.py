"""How long network calls take by their rows, as measured, and how many rows pay. Plain data: no torch here.

A larger call is worth it as far as a row costs less in it. On a GPU that is so up to some number of rows, from which on
the device is full; on a CPU, which one row fills, hardly ever. Where it ends depends on the device, the checkpoint and
the size of the picture, so it is measured, on calls that pictures need anyway.
"""

import statistics
from collections import OrderedDict, deque
from collections.abc import Hashable

BUCKETS = (1, 2, 4, 8, 12, 16)
"""Sizes of calls that are compared, and of all calls where each size is recorded or compiled; then multiples of 8."""

KEPT = 9
"""Newest calls of a size whose median counts: what else the machine does lengthens a few of them."""

ENOUGH = 3
"""Calls of a size that say something. One more is made before them: it pays for memory and recordings."""

STALE_CALLS = 1000
"""A size that was not called for so long is measured again: the machine may be another by now."""

WORTH = 1.03
"""Of calls whose rows cost the same but for so much, the smallest is made: its pictures wait the least."""

MOST_KINDS = 64


def bucket(rows: int) -> int:
    """The size of a call that `rows` rows are padded to."""
    return next((size for size in BUCKETS if size >= rows), -(-rows // 8) * 8)


class CostCurve:
    """Of calls that differ in their rows alone."""

    def __init__(self) -> None:
        self._seconds: dict[int, deque[float]] = {}
        self._last: dict[int, int] = {}
        self._calls = 0

    def record(self, rows: int, seconds: float) -> None:
        self._calls += 1
        if rows not in self._seconds or self._is_stale(rows):
            self._seconds[rows] = deque(maxlen=KEPT)  # and this first call says nothing
        else:
            self._seconds[rows].append(seconds)
        self._last[rows] = self._calls

    def seconds(self, rows: int) -> float | None:
        """Of a call; between two sizes that were measured, on the line between them. None where nobody knows."""
        if self._is_known(rows):
            return statistics.median(self._seconds[rows])
        known = [size for size in self._seconds if self._is_known(size)]
        below = max((size for size in known if size < rows), default=None)
        above = min((size for size in known if size > rows), default=None)
        if below is None or above is None:
            return None
        low, high = statistics.median(self._seconds[below]), statistics.median(self._seconds[above])
        return low + (high - low) * (rows - below) / (above - below)

    def _is_known(self, rows: int) -> bool:
        return len(self._seconds.get(rows, ())) >= ENOUGH and not self._is_stale(rows)

    def _is_stale(self, rows: int) -> bool:
        return self._calls - self._last.get(rows, 0) >= STALE_CALLS


class Costs:
    """Of all calls of a runner, by their kind: the checkpoint and the size of the picture."""

    def __init__(self, *, pads: bool = False) -> None:
        """`pads`: calls come in the sizes of BUCKETS only, so rows that fill none cost as much as those that do."""
        self._pads = pads
        self._curves: OrderedDict[Hashable, CostCurve] = OrderedDict()

    def size(self, rows: int) -> int:
        """Of the call that is made for so many rows."""
        return bucket(rows) if self._pads else rows

    def record(self, kind: Hashable, rows: int, seconds: float) -> None:
        """A call for `rows` rows took `seconds`."""
        curve = self._curves.setdefault(kind, CostCurve())
        self._curves.move_to_end(kind)
        if len(self._curves) > MOST_KINDS:
            self._curves.popitem(last=False)
        curve.record(self.size(rows), seconds)

    def seconds(self, kind: Hashable, rows: int) -> float | None:
        curve = self._curves.get(kind)
        return curve.seconds(self.size(rows)) if curve else None

    def rows_that_pay(self, kind: Hashable, *, least: int, wanted: int) -> int:
        """How many of the `wanted` rows to call for, at least `least`.

        The fewest at which a row takes as little time as at any number, but for a few per cent. A number of rows that
        was not measured is tried first, the largest before others.
        """
        sizes = sorted({size for size in map(bucket, range(least, wanted)) if least <= size < wanted} | {wanted})
        each: dict[int, float] = {}
        for rows in reversed(sizes):
            seconds = self.seconds(kind, rows)
            if seconds is None:
                return rows
            each[rows] = seconds / rows
        best = min(each.values())
        return min(rows for rows, share in each.items() if share <= WORTH * best)
