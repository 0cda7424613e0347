"""Models that were asked for over HTTP, installed one at a time beside the drawing, each by a process of its own."""

import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, TypeAlias

import structlog

from easel.catalogue import loads
from easel.catalogue.tables import ModelLoad
from easel.db import leased
from easel.db.session import DATABASE_IS_DOWN, Database
from easel.generations.loading import give_up_lost
from easel.kit.clock import Clock
from easel.kit.repeating import repeating

log = structlog.get_logger()

LOOK_SECONDS: Final = 5.0
STOP_SECONDS: Final = 5.0

Command: TypeAlias = Callable[[int, int], Sequence[str]]
"""The words that install what load number so and so wants, for an attempt."""


@contextmanager
def loading(
    database: Database, clock: Clock, command: Command, *, look_seconds: float = LOOK_SECONDS
) -> Generator[None]:
    """Carry out what is asked for, in a thread, for as long as the block runs. Any number of workers may do so."""

    def carry_out(stopping: threading.Event) -> bool:
        let_go_of_replaced(database, clock)
        return carry_out_next(database, clock, command, stopping)

    with repeating("loads", carry_out, pause=look_seconds, away=DATABASE_IS_DOWN, patience=STOP_SECONDS):
        yield


def carry_out_next(database: Database, clock: Clock, command: Command, stopping: threading.Event) -> bool:
    """Take up the next load, if there is one, and stay with it to its end; answers whether there was one."""
    with database.transaction() as session:
        give_up_lost(session, clock)
        load = leased.claim(session, clock, ModelLoad)
        if load is None:
            return False
        number, attempt, model_id = load.id, load.attempts, load.model_id
    log.info("model is being loaded", model=model_id, attempt=attempt)
    # A session of its own and an open standard input, as the supervisor gives its children.
    process = subprocess.Popen(command(number, attempt), stdin=subprocess.PIPE, start_new_session=True)
    try:
        while process.poll() is None and not stopping.is_set():
            if not _wait(process, leased.LEASE.total_seconds() / 3, stopping) and not _renewed(
                database, clock, number, attempt
            ):
                log.warning("load lost", model=model_id)
                return True
        was_stopped = process.poll() is None
    finally:
        _end(process)
    # What it has ended is not held any more, and stays as it is.
    with database.transaction() as session:
        leased.lay_down(session, ModelLoad, number, attempt, counts=not was_stopped)
    return not was_stopped


def let_go_of_replaced(database: Database, clock: Clock) -> None:
    """Delete weights that a load took the place of, where they lie on this machine and no model has them."""
    with database.transaction() as session:
        for load in loads.with_replaced(session, clock):
            weights = Path(str(load.replaced))
            if loads.are_used(session, str(weights)):
                load.replaced = None
            elif os.path.exists(weights):  # which raises nothing, whatever the folder is
                log.info("replaced weights deleted", model=load.model_id, weights=str(weights))
                _delete(weights)
                load.replaced = None


def _delete(weights: Path) -> None:
    """What cannot be deleted stays: it is in nobody's way but for its bytes."""
    if weights.is_dir():
        shutil.rmtree(weights, ignore_errors=True)
    with suppress(OSError):
        weights.unlink(missing_ok=True)
    with suppress(OSError):
        weights.parent.rmdir()  # of a converted file, when its last folder is gone


def _wait(process: "subprocess.Popen[bytes]", seconds: float, stopping: threading.Event) -> bool:
    """Until the process ends, or it is time to stop; False when neither has come after `seconds`."""
    for _ in range(round(seconds / 0.1)):
        if process.poll() is not None or stopping.wait(0.1):
            return True
    return False


def _renewed(database: Database, clock: Clock, number: int, attempt: int) -> bool:
    """Whether the load is still ours; while the database is away nobody else takes it."""
    try:
        with database.transaction() as session:
            return leased.renew(session, clock, ModelLoad, number, attempt)
    except DATABASE_IS_DOWN:
        return True


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdin:
        process.stdin.close()
