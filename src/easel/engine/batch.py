"""Which pictures may share a network call, and the rows of one call."""

from dataclasses import dataclass
from typing import Self

from easel.domain.prompt import Reading
from easel.engine.request import UNALTERED, AdapterMix, Alteration, Checkpoint
from easel.engine.trajectory import Trajectory


@dataclass(frozen=True, slots=True)
class BatchKey:
    """What the rows of a call have in common. Prompt, seed, steps, sampler, guidance and progress may all differ."""

    checkpoint: Checkpoint
    width: int
    height: int
    merged: tuple[AdapterMix, ...] = ()
    """Adapters in the network's own weights; others may differ from row to row."""
    alteration: Alteration = UNALTERED
    window: int | None = None
    """Of panoramas."""

    @classmethod
    def of(cls, trajectory: Trajectory) -> Self:
        request = trajectory.request
        own = (request.alteration, request.window)
        return cls(request.checkpoint, request.width, request.height, trajectory.merged, *own)

    @property
    def kind(self) -> tuple[Checkpoint, int, int, Alteration, int | None]:
        """Calls of one kind and as many rows take equally long."""
        return (self.checkpoint, self.width, self.height, self.alteration, self.window)


@dataclass(frozen=True, slots=True)
class Refused:
    """A picture sits this tick out, for a reason that a person can read."""

    reason: str


@dataclass(frozen=True, slots=True)
class Row:
    """One latent in a network call."""

    picture: int
    """Which of the batch's pictures."""
    reading: Reading
    """What it reads at the picture's next step."""
    factor: float
    """How much of it goes into the picture's answer."""
    is_negative: bool = False


@dataclass(frozen=True, slots=True)
class Batch:
    """The pictures of one tick."""

    key: BatchKey
    pictures: tuple[Trajectory, ...]

    @property
    def rows(self) -> tuple[Row, ...]:
        """First each picture's first prompt, then the negative prompts, then what further prompts AND has joined."""
        firsts: list[Row] = []
        negatives: list[Row] = []
        further: list[Row] = []
        for at, picture in enumerate(self.pictures):
            first, *others = [Row(at, part.at(picture.steps_done), part.factor) for part in picture.script.prompts]
            firsts.append(first)
            further += others
            if picture.script.negative:
                negatives.append(Row(at, picture.script.negative.at(picture.steps_done), 0.0, is_negative=True))
        return (*firsts, *negatives, *further)

    def halves(self) -> list["Batch"]:
        """Two batches, the second no larger than the first."""
        middle = (len(self.pictures) + 1) // 2
        return [Batch(self.key, self.pictures[:middle]), Batch(self.key, self.pictures[middle:])]

    def only(self, pictures: list[Trajectory]) -> "Batch":
        return Batch(self.key, tuple(pictures))


def admit(key: BatchKey, rows_free: int, candidate: Trajectory) -> Refused | None:
    """None when `candidate` may join a call of `key` that has `rows_free` rows left."""
    own = BatchKey.of(candidate)
    if own.checkpoint != key.checkpoint:
        return Refused(f"this tick is for checkpoint {key.checkpoint.name}")
    if own.merged != key.merged:
        return Refused(f"this tick draws with {_adapters(key.merged)} merged into the checkpoint")
    if own.alteration != key.alteration:
        return Refused(f"this tick draws with {key.alteration} inside the network")
    if own.window != key.window:
        return Refused(f"this tick draws {'a panorama' if key.window else 'pictures as a whole'}")
    if own != key:
        return Refused(f"{own.width}x{own.height} does not fit a batch of {key.width}x{key.height}")
    if candidate.rows > rows_free:
        return Refused(f"the batch has {rows_free} rows left, the picture takes {candidate.rows}")
    return None


def _adapters(merged: tuple[AdapterMix, ...]) -> str:
    return " and ".join(f"LoRA {mix.adapter.name}" for mix in merged) or "no LoRA"
