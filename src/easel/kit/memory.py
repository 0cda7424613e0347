"""How much memory this process may count on."""

import os
from pathlib import Path

LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""What a container is allowed, in the two versions of Linux's control groups; `max` where there is no limit."""


SHARE = 0.5
"""Of the memory may be filled with what could be read again; what cannot needs the rest."""


def share_of_memory(processes: int = 1) -> int:
    """Bytes that each of so many like processes on this machine may keep."""
    return int(SHARE * machine_memory() / max(1, processes))


def machine_memory(limits: tuple[Path, ...] = LIMITS) -> int:
    """Bytes: the machine's, or the container's where that is less."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    allowed = [int(said) for said in map(_read, limits) if said.isdecimal()]
    return min([whole, *allowed])


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
