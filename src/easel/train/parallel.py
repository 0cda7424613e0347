"""Data parallelism for CPU cores: a few processes of one thread each, gradients averaged through shared memory.

Two processes of one thread beat one process of two threads as soon as anything else runs on the machine: threads
inside one operation wait for each other, processes only meet once a step. On a GPU there is one process and none of
this happens.
"""

import multiprocessing
import os
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import torch
import torch.multiprocessing as mp

# Seconds. A process may be stopped for a while (so that something else can be measured) and go on later.
PATIENCE = 4 * 3600


@dataclass
class _Meeting:
    """Where the processes of a run meet: rooms of shared memory with a row for each of them, and a door that opens when
    all of them have come to it."""

    rank: int
    processes: int
    door: Barrier
    folder: Path
    rooms: dict[str, torch.Tensor] = field(default_factory=dict)

    def wait(self) -> None:
        self.door.wait(PATIENCE)

    def room(self, name: str, size: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
        """(processes, size) numbers that everybody sees; what is in there is nobody's until all have been through
        `wait`."""
        if name not in self.rooms or self.rooms[name].shape[1] != size:
            path, rows = self.folder / f"{name}-{size}", self.processes
            self.rooms[name] = torch.from_file(str(path), True, rows * size, dtype=dtype).view(rows, size)
            self.wait()
            path.unlink(missing_ok=True)  # everybody has it open: nothing is left behind by a run that is killed
        return self.rooms[name]


_meeting: _Meeting | None = None


def launch(work: Callable[..., None], processes: int, *args: Any) -> None:
    """Run `work(rank, processes, *args)` in each process; in this very process when there is only one."""
    if processes == 1:
        work(0, 1, *args)
        return
    with tempfile.TemporaryDirectory() as folder:
        door = multiprocessing.get_context("spawn").Barrier(processes)
        mp.spawn(_join, args=(processes, door, Path(folder), work, args), nprocs=processes)


def _join(
    rank: int, processes: int, door: Barrier, folder: Path, work: Callable[..., None], args: tuple[Any, ...]
) -> None:
    global _meeting
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    _meeting = _Meeting(rank, processes, door, folder)
    work(rank, processes, *args)


def _end_with_parent() -> None:
    """Killing the run kills all of it: a process left over would go on to write the same checkpoints."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def average_gradients(parameters: list[torch.nn.Parameter]) -> None:
    """The mean over all processes, to the last bit the same in each of them."""
    if _meeting is None:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    room = _meeting.room("gradients", sum(g.numel() for g in gradients))
    torch._foreach_copy_(_views(room[_meeting.rank], gradients), gradients)
    _meeting.wait()
    torch._foreach_copy_(gradients, _views(room[0], gradients))
    for row in room[1:]:
        torch._foreach_add_(gradients, _views(row, gradients))
    torch._foreach_div_(gradients, _meeting.processes)
    _meeting.wait()


def exchange(tensors: list[torch.Tensor], made_by: Sequence[int]) -> None:
    """Every tensor as the process that made it has it (`made_by` holds their ranks)."""
    if _meeting is None:
        return
    room = _views(_meeting.room("exchange", sum(t.numel() for t in tensors))[0], tensors)
    mine = [i for i, rank in enumerate(made_by) if rank == _meeting.rank]
    others = [i for i, rank in enumerate(made_by) if rank != _meeting.rank]
    torch._foreach_copy_([room[i] for i in mine], [tensors[i] for i in mine])
    _meeting.wait()
    torch._foreach_copy_([tensors[i] for i in others], [room[i] for i in others])
    _meeting.wait()


def _views(flat: torch.Tensor, like: list[torch.Tensor]) -> list[torch.Tensor]:
    """The flat numbers in the shapes of `like`, one after another."""
    parts = flat.split([t.numel() for t in like])
    return [part.view(t.shape) for part, t in zip(parts, like, strict=True)]


def share(value: float) -> float:
    """The first process's number, in every process: decisions made from a clock must be the same everywhere."""
    return _numbers(value)[0]


def mean(value: float) -> float:
    numbers = _numbers(value)
    return sum(numbers) / len(numbers)


def _numbers(value: float) -> list[float]:
    if _meeting is None:
        return [value]
    room = _meeting.room("numbers", 1, torch.float64)
    room[_meeting.rank] = value
    _meeting.wait()
    numbers = room[:, 0].tolist()
    _meeting.wait()
    return numbers
