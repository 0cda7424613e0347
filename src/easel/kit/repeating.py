"""What a process does from time to time beside its work, in a thread of its own."""

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TypeAlias

import structlog

log = structlog.get_logger()

Act: TypeAlias = Callable[[threading.Event], bool]
"""Do what there is to do; True when there may be more of it. The event is set when it is time to stop."""


@contextmanager
def repeating(
    name: str, act: Act, *, pause: float, away: tuple[type[Exception], ...], patience: float | None = None
) -> Generator[None]:
    """Do `act` for as long as the block runs: at once again while there is more, else after `pause` seconds.

    What goes wrong is logged and tried again: errors of `away` in a line, for what they need will come back. The end of
    the block waits for the act at hand, for `patience` seconds at most where that is given.
    """
    stopping = threading.Event()

    def has_more() -> bool:
        try:
            return act(stopping)
        except away as error:
            log.warning("waits for what is away", doing=name, error=type(error).__name__)
        except Exception:  # whatever it was, the next time may go well
            log.exception("failed; it is tried again", doing=name)
        return False

    def run() -> None:
        while not stopping.is_set():
            if not has_more():
                stopping.wait(pause)

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join(patience)
