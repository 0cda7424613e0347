"""Settings as they are typed."""

import pytest
from pydantic import ValidationError

from easel.settings import Settings


@pytest.mark.parametrize(
    ("typed", "bytes"), [("auto", None), ("8GiB", 8 * 2**30), ("500MB", 500_000_000), ("123456", 123456)]
)
def test_memory_is_a_number_with_a_unit_or_left_to_the_machine(
    typed: str, bytes: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Settings().weight_memory is None
    monkeypatch.setenv("EASEL_WEIGHT_MEMORY", typed)
    monkeypatch.setenv("EASEL_GPU_WEIGHT_MEMORY", typed)
    assert (Settings().weight_memory, Settings().gpu_weight_memory) == (bytes, bytes)


def test_another_word_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EASEL_WEIGHT_MEMORY", "much")
    with pytest.raises(ValidationError):
        Settings()
