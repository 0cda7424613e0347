"""Commands as they are typed, on a fresh database."""

from collections.abc import Callable
from pathlib import Path

import pytest

from easel.cli.main import app
from easel.domain.errors import DomainError


@pytest.fixture
def easel(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Run `easel` with the words given; returns what it prints, or the sentence with which it refuses."""
    monkeypatch.setenv("EASEL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("EASEL_DATABASE_URL", database_url)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: str) -> str:
        capsys.readouterr()
        try:
            app(words, result_action="return_value")
        except DomainError as refusal:
            return refusal.message
        return capsys.readouterr().out

    return run
