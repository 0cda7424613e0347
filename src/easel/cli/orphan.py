"""A supervised process ends with its supervisor, however that ended: its standard input closes."""

import os
import signal
import sys
import threading


def stop_with_parent() -> None:
    """Send this process SIGTERM when the other end of standard input goes away."""

    def watch() -> None:
        sys.stdin.buffer.read()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="orphan-watch", daemon=True).start()
