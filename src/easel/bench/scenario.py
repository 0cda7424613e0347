"""What a scenario is given, and what it answers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from easel.bench.models import Subject


@dataclass(frozen=True, slots=True)
class Bench:
    """How a scenario is run."""

    subject: Subject
    device: str
    quick: bool
    """Everything within minutes: fewer runs, and no peer that compiles."""
    work: Path
    """A folder for what is made on the way."""
    backends: Sequence[str]
    """Of Easel's; the first is what scenarios of many pictures are drawn with."""

    @property
    def cache(self) -> Path:
        return self.work / "cache"


@dataclass(slots=True)
class Line:
    """A row of the printed table."""

    what: str
    measured: str
    against: str = ""
    """A peer or a limit, in words."""
    ratio: float | None = None
    """How many times better than that; above 1 is better."""
    target: float | None = None


@dataclass(slots=True)
class Report:
    lines: list[Line] = field(default_factory=list[Line])
    figures: dict[str, Any] = field(default_factory=dict[str, Any])
    """Everything that was measured."""
    curves: dict[str, list[tuple[float, float]]] = field(default_factory=dict[str, list[tuple[float, float]]])
    """To plot: name to points."""
    axes: tuple[str, str] = ("", "")
    skipped: str | None = None
    """A sentence, when the scenario could not be run."""
