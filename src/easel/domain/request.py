"""What was asked for: as it arrives (GenerationDraft) and checked and frozen (GenerationRequest)."""

from dataclasses import asdict, dataclass
from typing import Any, Self

from easel.domain.sampling import Sampler, Spacing

SEED_LIMIT = 2**32
"""Seeds are 0 .. 2**32 - 1, the range every tool of the field accepts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationDraft:
    """A request as a dialect read it: None is "not said", to be filled from the model's defaults."""

    model_id: str
    prompt: str
    negative_prompt: str = ""
    width: int | None = None
    height: int | None = None
    samples: int = 1
    steps: int | None = None
    guidance: float | None = None
    seed: int | None = None
    sampler: Sampler | None = None
    spacing: Spacing | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRequest:
    """A request with nothing left open. The picture depends on this alone.

    Picture number i of `samples` is drawn with seed + i (modulo SEED_LIMIT).
    """

    model_id: str
    prompt: str
    negative_prompt: str
    width: int
    height: int
    samples: int
    steps: int
    guidance: float
    seed: int
    sampler: Sampler
    spacing: Spacing

    def seed_of(self, index: int) -> int:
        return (self.seed + index) % SEED_LIMIT

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        names: dict[str, Any] = {"sampler": Sampler(stored["sampler"]), "spacing": Spacing(stored["spacing"])}
        return cls(**(stored | names))
