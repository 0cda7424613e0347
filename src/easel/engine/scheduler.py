"""Which pictures share the next network call. Plain data: no tensor is near.

The order is by slack. A picture falls due when the engine has done STRETCH times the picture's own work since it came;
its slack is the time until then less the work it still needs. The picture of least slack leads the tick, and others of
its kind join in the same order while rows are free.

So a short picture passes a long one, and pictures of a length move forward in turns. Nobody starves, since waiting
ages: a due time never moves, all work done meanwhile takes from the slack, and who comes after a picture fell due is
less urgent than it. So once a picture is due, each tick is led by one that was there by then, and it is done after as
many ticks as those have calls left, at most. Time is counted in work done (pixels through the network), not in seconds.

A call has as many rows as pay (costs.py), whatever the order; the order says whose they are.

At most `max_checkpoints` checkpoints have pictures under way at once, and no more than there is room for. A picture of
one more waits until one of those has none left, and as soon as that wait makes it late, no further picture of the
others starts. A picture whose weights are still loading waits alone: the others go on.
"""

from collections.abc import Callable, Collection, Iterable
from typing import TypeAlias

from easel.engine.batch import Batch, BatchKey, Refused, admit
from easel.engine.costs import Costs
from easel.engine.library import Readiness
from easel.engine.request import Checkpoint
from easel.engine.trajectory import Trajectory

Ask: TypeAlias = Callable[[Trajectory, Collection[Checkpoint]], Readiness]
"""Whether a picture's weights are there, beside those of the checkpoints given."""

STRETCH = 3
"""A picture may take three times as long as alone before it counts as late."""

SHORT_OF_MEMORY_TICKS = 200
"""For how long no larger call is tried after one for which memory was short."""


class Scheduler:
    def __init__(self, *, max_rows: int, deterministic: bool, max_checkpoints: int, costs: Costs | None = None) -> None:
        """`deterministic`: one picture a call, so that the number of rows, and so every bit, is the picture's own.

        `costs` says how many rows pay, up to `max_rows`; without it, as many as there are.
        """
        if max_rows < 2:
            raise ValueError(f"max_rows must be 2 or more, the rows of one guided picture, not {max_rows}")
        if max_checkpoints < 1:
            raise ValueError(f"max_checkpoints must be 1 or more, not {max_checkpoints}")
        self._max_rows = max_rows
        self._deterministic = deterministic
        self._max_checkpoints = max_checkpoints
        self._costs = costs or Costs()
        self._work_done = 0
        self._pictures: dict[str, Trajectory] = {}
        self._refused: dict[str, Refused] = {}
        self._in_tick: frozenset[str] = frozenset()
        """The pictures of the last tick; for every other one that was there, `_refused` says why not."""
        self._tick = 0
        self._limits: dict[BatchKey, tuple[int, int]] = {}
        """Rows, and the tick until which no call has more."""

    def __len__(self) -> int:
        return len(self._pictures)

    def __contains__(self, id: object) -> bool:
        return id in self._pictures

    def add(self, picture: Trajectory) -> None:
        picture.due = self._work_done + STRETCH * picture.work
        self._pictures[picture.id] = picture

    def remove(self, id: str) -> None:
        self._pictures.pop(id, None)
        self._refused.pop(id, None)

    def limit(self, key: BatchKey, *, rows: int) -> None:
        """Memory was short: for a while calls of `key` have no more than `rows` rows, but one picture always goes."""
        self._limits[key] = (rows, self._tick + SHORT_OF_MEMORY_TICKS)

    def why_waiting(self, id: str) -> str | None:
        """Why the picture was not in the last tick; None when it was, or is not here."""
        if id not in self._pictures or id in self._in_tick:
            return None
        refused = self._refused.get(id)
        return refused.reason if refused else "it came after the last tick"

    def next_batch(self, ask: Ask = lambda picture, beside: Readiness.READY) -> Batch | None:
        """The pictures of the next tick; None when there are none at all, or all wait for their weights."""
        self._refused.clear()
        self._in_tick = frozenset()
        self._tick += 1
        startable = self._startable(sorted(self._pictures.values(), key=self._urgency), ask)
        if not startable:
            return None
        batch = self._fill(startable)
        self._in_tick = frozenset(picture.id for picture in batch.pictures)
        return batch

    def record(self, batch: Batch) -> None:
        """The call of `batch` was made: its pictures are one step further."""
        for picture in batch.pictures:
            picture.done += 1
            self._work_done += picture.work_per_call

    def _urgency(self, picture: Trajectory) -> int:
        """Slack, but for the time, which is the same for all. Equals keep the order in which they came."""
        return picture.due - picture.work_left

    def _startable(self, pictures: Iterable[Trajectory], ask: Ask) -> list[Trajectory]:
        """Those of `pictures`, in order, whose checkpoint is under way or has room to be, and is there."""
        pictures = list(pictures)
        under_way = {picture.request.checkpoint for picture in pictures if picture.is_prepared}
        opened = set(under_way)
        someone_is_late = False
        startable: list[Trajectory] = []
        for picture in pictures:
            checkpoint = picture.request.checkpoint
            if picture.is_prepared:
                startable.append(picture)
            elif someone_is_late:
                self._refused[picture.id] = Refused("a late picture waits for another checkpoint to be done")
            elif refused := self._open(picture, opened, ask):
                self._refused[picture.id] = refused
                someone_is_late = checkpoint not in opened and self._slack(picture) < 0
            else:
                startable.append(picture)
        return startable

    def _open(self, picture: Trajectory, opened: set[Checkpoint], ask: Ask) -> Refused | None:
        """Count the picture's checkpoint among those under way, if it may be; None when the picture can start."""
        checkpoint = picture.request.checkpoint
        if checkpoint not in opened and len(opened) >= self._max_checkpoints:
            return Refused(f"checkpoints under way: {_names(opened)}")
        match ask(picture, opened):
            case Readiness.NO_ROOM:
                return Refused(f"no memory beside the checkpoints under way: {_names(opened)}")
            case Readiness.LOADING:
                opened.add(checkpoint)
                beside = " or a LoRA" if picture.request.adapters else ""
                beside += " or a ControlNet" if picture.request.controls else ""
                return Refused(f"checkpoint {checkpoint.name}{beside} is loading")
            case Readiness.READY:
                opened.add(checkpoint)
                return None

    def _slack(self, picture: Trajectory) -> int:
        return picture.due - picture.work_left - self._work_done

    def _fill(self, pictures: list[Trajectory]) -> Batch:
        leader, key = pictures[0], BatchKey.of(pictures[0])
        room = leader.rows if self._deterministic else self._most_rows(key, leader.rows)
        rows = rows_free = leader.rows if self._deterministic else self._rows_that_pay(key, pictures, room)
        chosen: list[Trajectory] = []
        for picture in pictures:
            refused = admit(key, rows_free, picture)
            if refused is None:
                chosen.append(picture)
                rows_free -= picture.rows
            elif BatchKey.of(picture) == key and self._deterministic:
                self._refused[picture.id] = Refused("each picture has its calls to itself; it is another one's turn")
            elif BatchKey.of(picture) == key and rows < room:
                self._refused[picture.id] = Refused(f"calls of more than {rows} rows take longer than they gain here")
            else:
                self._refused[picture.id] = refused
        return Batch(key, tuple(chosen))

    def _rows_that_pay(self, key: BatchKey, pictures: list[Trajectory], room: int) -> int:
        """Of the rows that could share a call of `key` and for which there is `room`."""
        wanted = 0
        for picture in pictures:
            if admit(key, room - wanted, picture) is None:
                wanted += picture.rows
        return self._costs.rows_that_pay(key.kind, least=pictures[0].rows, wanted=wanted)

    def _most_rows(self, key: BatchKey, least: int) -> int:
        rows, until = self._limits.get(key, (self._max_rows, 0))
        if self._tick > until:
            self._limits.pop(key, None)
            rows = self._max_rows
        return max(least, rows)


def _names(checkpoints: set[Checkpoint]) -> str:
    return ", ".join(sorted(checkpoint.name for checkpoint in checkpoints))
