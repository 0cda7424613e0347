"""Names that nobody guesses, and time that stands still."""

import re
from datetime import UTC, timedelta

from easel.kit.clock import SettableClock, SystemClock
from easel.kit.ids import new_token, new_uuid


def test_a_token_is_43_url_safe_characters_and_never_the_same() -> None:
    tokens = {new_token() for _ in range(1000)}
    assert len(tokens) == 1000
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", token) for token in tokens)


def test_a_uuid_is_spelled_with_dashes() -> None:
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", new_uuid())


def test_a_settable_clock_stands_still_until_moved() -> None:
    clock = SettableClock()
    first = clock.now()
    assert clock.now() == first
    clock.advance(timedelta(hours=1))
    assert clock.now() == first + timedelta(hours=1)


def test_the_systems_clock_tells_utc() -> None:
    assert SystemClock().now().tzinfo is UTC
