"""What stays in memory."""

import pytest

from easel.engine.residency import Residency


def test_what_is_kept_is_made_once():
    residency: Residency[str, str] = Residency(len, bytes=100)
    made: list[str] = []
    for _ in range(2):
        residency.get("a", lambda: made.append("a") or "value")
    assert made == ["a"]


def test_the_one_used_longest_ago_leaves_first():
    residency: Residency[str, str] = Residency(len, bytes=10)
    residency.get("a", lambda: "xxxxx")
    residency.get("b", lambda: "xxxxx")
    residency.get("a", lambda: "never made")
    residency.get("c", lambda: "xxxxx")
    assert list(residency) == ["a", "c"]
    assert residency.bytes == 10


def test_the_newest_stays_however_large():
    residency: Residency[str, str] = Residency(len, bytes=3)
    residency.get("a", lambda: "xxx")
    assert residency.get("b", lambda: "xxxxxxxx") == "xxxxxxxx"
    assert list(residency) == ["b"]


def test_room_is_made_before_the_next_is_loaded():
    residency: Residency[str, str] = Residency(len, bytes=100, most=2)
    residency.get("a", lambda: "x")
    residency.get("b", lambda: "x")
    seen: list[list[str]] = []
    residency.get("c", lambda: seen.append(list(residency)) or "x")
    assert seen == [["b"]]
    assert list(residency) == ["b", "c"]


def test_what_fails_to_load_is_not_kept():
    residency: Residency[str, str] = Residency(len, bytes=100)

    def broken() -> str:
        raise OSError("truncated")

    with pytest.raises(OSError, match="truncated"):
        residency.get("a", broken)
    assert len(residency) == 0
    assert residency.get("a", lambda: "x") == "x"
