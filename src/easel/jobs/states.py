"""The states of a job and the moves between them; `job_moves` says the same in SQL, where a trigger guards it."""

from enum import StrEnum
from typing import Final


class JobState(StrEnum):
    QUEUED = "queued"
    """Waiting for a worker."""
    RUNNING = "running"
    """Leased by a worker."""
    DONE = "done"
    """The result was delivered."""
    FAILED = "failed"
    """It ended without a result; the error says why."""
    CANCELLED = "cancelled"
    """Its account no longer wants it."""

    @property
    def is_final(self) -> bool:
        return not MOVES[self]


MOVES: Final[dict[JobState, frozenset[JobState]]] = {
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.CANCELLED, JobState.FAILED}),
    # Back to the queue: the worker was lost, or asks for another try.
    JobState.RUNNING: frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELLED, JobState.QUEUED}),
    JobState.DONE: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
}
