"""What the worker has in hand, shared between the engine's thread and the clerk's.

Everything is known by its lease, not by its job: the same job may come back for another attempt while the last one is
still being put away.
"""

import queue
import threading
import time
from collections.abc import Callable, Sequence

from easel.jobs.queue import Lease
from easel.worker.assignment import Assignment


class Desk:
    def __init__(self, capacity: int, resident: Callable[[], Sequence[str]]) -> None:
        """`capacity`: how many generations may be in hand. `resident`: names of the checkpoints in memory."""
        self.resident = resident
        self._capacity = capacity
        self._lock = threading.Lock()
        self._in_hand: dict[Lease, Assignment] = {}
        self._moved: set[Lease] = set()
        self._arrived: queue.SimpleQueue[Assignment] = queue.SimpleQueue()
        self._dropped: queue.SimpleQueue[tuple[Lease, bool]] = queue.SimpleQueue()
        self._last_sign_of_life = time.monotonic()

    # -- for the clerk ---------------------------------------------------------------------------------------------

    def room(self) -> int:
        """How many more generations may be claimed. A job that has lost a worker before has this one to itself."""
        with self._lock:
            alone = any(lease.attempt > 1 for lease in self._in_hand)
            return 0 if alone else self._capacity - len(self._in_hand)

    def held(self) -> list[Lease]:
        with self._lock:
            return list(self._in_hand)

    def arrive(self, assignment: Assignment) -> None:
        with self._lock:
            self._in_hand[assignment.lease] = assignment
        self._arrived.put(assignment)

    def drop(self, lease: Lease, *, cancelled: bool) -> None:
        """Stop drawing: cancelled on request, or lost to another worker."""
        self._dropped.put((lease, cancelled))

    def take_progress(self) -> list[Assignment]:
        """What has moved since the last call."""
        with self._lock:
            moved = [self._in_hand[lease] for lease in self._moved if lease in self._in_hand]
            self._moved.clear()
            return moved

    def seconds_without_a_sign_of_life(self) -> float:
        """How long ago the engine's thread was last seen between two ticks."""
        return time.monotonic() - self._last_sign_of_life

    # -- for the engine's thread -----------------------------------------------------------------------------------

    def wait(self, seconds: float) -> list[Assignment]:
        """What has arrived, waiting up to `seconds` for the first of it. Zero does not wait."""
        self._last_sign_of_life = time.monotonic()
        arrived: list[Assignment] = []
        try:
            arrived.append(self._arrived.get(timeout=seconds) if seconds else self._arrived.get_nowait())
            while True:
                arrived.append(self._arrived.get_nowait())
        except queue.Empty:
            return arrived

    def take_dropped(self) -> list[tuple[Assignment, bool]]:
        """What must not be drawn further, and whether it was cancelled."""
        dropped: list[tuple[Assignment, bool]] = []
        while not self._dropped.empty():
            lease, cancelled = self._dropped.get_nowait()
            if assignment := self.find(lease):
                dropped.append((assignment, cancelled))
        return dropped

    def find(self, lease: Lease) -> Assignment | None:
        with self._lock:
            return self._in_hand.get(lease)

    def bring_back(self, assignment: Assignment) -> None:
        """Put what has been in hand before the engine's thread again, unless it was put away meanwhile."""
        if self.find(assignment.lease) is assignment:
            self._arrived.put(assignment)

    def note_preview(self, assignment: Assignment, key: str) -> None:
        with self._lock:
            assignment.previews.key = key
            self._moved.add(assignment.lease)

    def note_step(self, assignment: Assignment) -> None:
        with self._lock:
            assignment.steps_done += 1
            self._moved.add(assignment.lease)

    def forget(self, lease: Lease) -> None:
        with self._lock:
            self._in_hand.pop(lease, None)
            self._moved.discard(lease)
