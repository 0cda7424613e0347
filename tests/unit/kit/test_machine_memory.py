"""How much memory may be counted on."""

from pathlib import Path

import psutil
import pytest

from easel.kit.memory import machine_memory, share_of_memory


def test_without_a_limit_it_is_the_machines(tmp_path: Path) -> None:
    (tmp_path / "max").write_text("max\n")
    found = machine_memory((tmp_path / "max", tmp_path / "missing"))
    assert found == pytest.approx(psutil.virtual_memory().total, rel=0.01)


def test_a_container_has_what_it_is_allowed(tmp_path: Path) -> None:
    (tmp_path / "limit").write_text("1000000\n")
    assert machine_memory((tmp_path / "limit",)) == 1_000_000


def test_a_limit_beyond_the_machine_is_none(tmp_path: Path) -> None:
    (tmp_path / "limit").write_text("9223372036854771712")
    assert machine_memory((tmp_path / "limit",)) < 2**60


def test_processes_share_it() -> None:
    assert share_of_memory(4) == pytest.approx(share_of_memory() / 4, rel=0.01)
    assert share_of_memory(0) == share_of_memory()
