"""What was measured outlives the process, and no file it may lie in can do harm."""

from pathlib import Path

import pytest

from easel.engine.backends.memory import MOST_ENTRIES, Memory, processor


def test_what_is_remembered_is_recalled_by_the_next_process(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "backends.json"
    Memory(path).remember("a", {"faster": "eager"})
    assert Memory(path).recall("a") == {"faster": "eager"}
    assert Memory(path).recall("b") is None


def test_two_workers_of_a_machine_keep_each_others_measurements(tmp_path: Path) -> None:
    path = tmp_path / "backends.json"
    one, other = Memory(path), Memory(path)
    one.remember("a", {"seconds": 1})
    other.remember("b", {"seconds": 2})
    assert Memory(path).recall("a") == {"seconds": 1}
    assert Memory(path).recall("b") == {"seconds": 2}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": 3}', "\x00"])
def test_a_damaged_file_is_measured_again_and_written_anew(tmp_path: Path, text: str) -> None:
    path = tmp_path / "backends.json"
    path.write_text(text)
    memory = Memory(path)
    assert memory.recall("a") is None
    memory.remember("a", {"seconds": 1})
    assert Memory(path).recall("a") == {"seconds": 1}


def test_a_folder_that_cannot_be_written_loses_nothing_but_the_next_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    memory = Memory(tmp_path / "file" / "backends.json")
    memory.remember("a", {"seconds": 1})
    assert memory.recall("a") == {"seconds": 1}


def test_the_file_does_not_grow_for_ever(tmp_path: Path) -> None:
    memory = Memory()
    for number in range(MOST_ENTRIES + 1):
        memory.remember(str(number), {})
    assert memory.recall("0") is None
    assert memory.recall("1") == {}


def test_a_machine_has_a_processor() -> None:
    assert processor()
