"""Time as a thing that is passed in, so that a test can hold it still."""

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """The present, in UTC."""
        ...

    @property
    def held(self) -> datetime | None:
        """The time at which the clock is held; None while real time passes.

        Where several machines must agree on the time, the database's own clock counts, unless a test holds time still.
        """
        ...


class SystemClock:
    held = None

    def now(self) -> datetime:
        return datetime.now(UTC)


class SettableClock:
    """A clock for tests: stands still until moved."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    @property
    def held(self) -> datetime | None:
        return self._now

    def advance(self, by: timedelta) -> None:
        self._now += by
