"""Private files are whole, and for their owner's eyes only."""

import stat
from pathlib import Path

import pytest

from easel.kit.files import write_private


def test_a_file_is_written_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "secret"
    write_private(path, "hush")
    assert path.read_text() == "hush"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_new_text_replaces_the_old_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    for text in ("a long first text", "short"):
        write_private(path, text)
    assert path.read_text() == "short"
    assert list(tmp_path.iterdir()) == [path]


def test_a_text_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    write_private(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_private(path, "\ud800")
    assert path.read_text() == "old"
