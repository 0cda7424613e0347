"""How much memory this process may count on."""

import os
from pathlib import Path

LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""What a container is allowed, in the two versions of Linux's control groups; `max` where there is no limit."""


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
