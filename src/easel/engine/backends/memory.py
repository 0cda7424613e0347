"""What was measured on this machine, kept over restarts, so that nothing is measured twice."""

import json
import logging
import platform
from pathlib import Path
from typing import Any

from easel.kit.files import write_private

log = logging.getLogger(__name__)

MOST_ENTRIES = 2000


class Memory:
    """A small JSON file of measurements by name; without a path, they last as long as the process.

    A file that cannot be read or written is no loss: what it said is measured again.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._entries: dict[str, dict[str, Any]] = self._read()

    def recall(self, name: str) -> dict[str, Any] | None:
        return self._entries.get(name)

    def remember(self, name: str, measured: dict[str, Any]) -> None:
        # Read again: another worker of this machine may have written meanwhile.
        self._entries = {**self._entries, **self._read(), name: measured}
        while len(self._entries) > MOST_ENTRIES:
            del self._entries[next(iter(self._entries))]
        if self._path is None:
            return
        try:
            write_private(self._path, json.dumps(self._entries, indent=1) + "\n")
        except OSError as error:
            log.warning("measurements cannot be kept in %s: %s", self._path, error)

    def _read(self) -> dict[str, dict[str, Any]]:
        if self._path is None or not self._path.exists():
            return {}
        try:
            entries = json.loads(self._path.read_text(encoding="utf-8"))
            return {str(name): measured for name, measured in entries.items() if isinstance(measured, dict)}
        except (OSError, ValueError, AttributeError) as error:
            log.warning("%s cannot be read (%s); what it said is measured again", self._path, error)
            return {}


def processor() -> str:
    """The name that the machine's processor gives itself."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
