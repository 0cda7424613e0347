"""What keeps the processes running is not ended by what goes wrong beside it."""

import os
import threading

from easel.cli.supervisor import Child, Supervisor


def test_errors_beside_the_processes_end_nothing() -> None:
    starts: list[str] = []
    stopping = threading.Event()

    def arguments() -> list[str]:
        starts.append("start")
        if len(starts) > 1:
            stopping.set()
        return ["--version"]  # with what the supervisor adds this ends at once

    def fail() -> None:
        raise RuntimeError("the database said something that nobody had thought of")

    supervisor = Supervisor([Child("short", arguments, after_exit=fail)], os.environ, stopping, tend=fail)
    supervisor.run()
    supervisor.stop()
    assert len(starts) == 2
