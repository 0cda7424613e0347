"""Keeps child processes running: starts them, restarts what ends, stops all of them together."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

log = structlog.get_logger()

STOP_SECONDS = 15
LONGEST_PAUSE = 10.0


@dataclass
class Child:
    """A supervised process. `arguments` is asked at every start, so that each life may have a name of its own."""

    name: str
    arguments: Callable[[], list[str]]
    after_exit: Callable[[], None] = lambda: None
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = 0.0
    start_at: float = 0.0


class Supervisor:
    def __init__(
        self, children: list[Child], environment: Mapping[str, str], stopping: threading.Event, tend: Callable[[], None]
    ) -> None:
        """`tend` looks after what is no child of ours, about once a second."""
        self._children = children
        self._environment = dict(environment)
        self._stopping = stopping
        self._tend_others = tend
        self._others_at = 0.0

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """Keep everything alive until a stop is requested or `until` answers True."""
        while not self._stopping.is_set() and not until():
            if time.monotonic() >= self._others_at:
                _whatever_happens(self._tend_others)
                self._others_at = time.monotonic() + 1
            for child in self._children:
                self._tend(child)
            self._stopping.wait(0.1)

    def stop(self) -> None:
        """Ask every child to end, and make those end that do not."""
        alive = [child.process for child in self._children if child.process and child.process.poll() is None]
        for process in alive:
            process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for process in alive:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            _close(process)

    def _tend(self, child: Child) -> None:
        if child.process is None:
            if time.monotonic() >= child.start_at:
                self._start(child)
        elif (code := child.process.poll()) is not None:
            log.warning("process ended", child=child.name, code=code)
            _close(child.process)
            child.process = None
            _whatever_happens(child.after_exit)
            # A child that dies young is given more and more time; one that lived long comes back at once.
            lived = time.monotonic() - child.started
            child.pause = 0.0 if lived > LONGEST_PAUSE else min(max(0.2, child.pause * 2), LONGEST_PAUSE)
            child.start_at = time.monotonic() + child.pause

    def _start(self, child: Child) -> None:
        # A session of its own: Ctrl-C reaches the supervisor alone, which then stops all in order. The open standard
        # input is how a child notices that its supervisor is gone.
        child.process = subprocess.Popen(
            [sys.executable, "-m", "easel", *child.arguments(), "--supervised"],
            env=self._environment,
            stdin=subprocess.PIPE,
            start_new_session=True,
        )
        child.started = time.monotonic()


def _close(process: subprocess.Popen[bytes]) -> None:
    if process.stdin:
        process.stdin.close()


def _whatever_happens(act: Callable[[], None]) -> None:
    """Others' faults do not end the supervisor, with which everything would end."""
    try:
        act()
    except Exception:
        log.exception("an error beside the processes that are looked after")
