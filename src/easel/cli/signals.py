"""A request to stop, however it comes: Ctrl-C, SIGTERM, or the terminal going away."""

import signal
import threading


def stop_event() -> threading.Event:
    """An event that these signals set from now on. They interrupt nothing: what is half done is undone in order."""
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stopping.set())
    return stopping
