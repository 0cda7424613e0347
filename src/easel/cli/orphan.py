"""A supervised process ends with its supervisor, however that ended: its standard input closes."""

import os
import signal
import threading


def stop_with_parent() -> None:
    """Send this process SIGTERM when the other end of standard input goes away."""

    def watch() -> None:
        # Not sys.stdin: its lock, held here for ever, would trouble the interpreter when it shuts down.
        while os.read(0, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="orphan-watch", daemon=True).start()
