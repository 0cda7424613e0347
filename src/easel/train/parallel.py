"""Data parallelism for CPU cores: a few processes of one thread each, gradients averaged over gloo.

Two processes of one thread beat one process of two threads as soon as anything else runs on the machine: threads
inside one operation wait for each other, processes only meet once a step. On a GPU there is one process and none of
this happens.
"""

import multiprocessing
import os
import socket
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as mp

# A process may be stopped for a while (so that something else can be measured) and go on later.
PATIENCE = timedelta(hours=4)


def launch(work: Callable[..., None], processes: int, *args: Any) -> None:
    """Run `work(rank, processes, *args)` in each process; in this very process when there is only one."""
    if processes == 1:
        work(0, 1, *args)
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    mp.spawn(_join, args=(processes, port, work, args), nprocs=processes)  # type: ignore[no-untyped-call]


def _join(rank: int, processes: int, port: int, work: Callable[..., None], args: tuple[Any, ...]) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    dist.init_process_group("gloo", f"tcp://127.0.0.1:{port}", timeout=PATIENCE, world_size=processes, rank=rank)
    try:
        work(rank, processes, *args)
    finally:
        dist.destroy_process_group()


def _end_with_parent() -> None:
    """Killing the run kills all of it: a process left over would go on to write the same checkpoints."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def average_gradients(parameters: list[torch.nn.Parameter], processes: int) -> None:
    """One all-reduce of one flat buffer: many small ones would each pay the round trip."""
    if processes == 1:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([g.flatten() for g in gradients])
    dist.all_reduce(flat)
    flat /= processes
    offset = 0
    for g in gradients:
        g.copy_(flat[offset : offset + g.numel()].view_as(g))
        offset += g.numel()


def share(value: float, processes: int) -> float:
    """The first process's number, in every process: decisions made from a clock must be the same everywhere."""
    if processes == 1:
        return value
    box = torch.tensor([value], dtype=torch.float64)
    dist.broadcast(box, 0)
    return float(box)


def mean(value: float, processes: int) -> float:
    if processes == 1:
        return value
    box = torch.tensor([value], dtype=torch.float64)
    dist.all_reduce(box)
    return float(box) / processes
