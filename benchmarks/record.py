"""What every result names: the machine, the commit, the day."""

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"


def machine() -> dict[str, Any]:
    """The processor, its cores, the memory and the system; nothing that names the host."""
    info = Path("/proc/cpuinfo").read_text()
    cpu = next(
        (line.split(":", 1)[1].strip() for line in info.splitlines() if line.startswith("model name")), "unknown"
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "memory_gib": round(memory, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def commit() -> str:
    """The commit that was measured; `+changes` when the tree differs from it."""
    sha = _git("rev-parse", "--short=12", "HEAD")
    changed = _git("status", "--porcelain")
    return sha.strip() + ("+changes" if changed else "")


def save(name: str, result: dict[str, Any]) -> Path:
    """Write `result` as benchmarks/results/<name>-<date>.json and answer where."""
    now = datetime.now(UTC)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}-{now:%Y-%m-%d}.json"
    whole = {
        "benchmark": name,
        "at": now.isoformat(timespec="seconds"),
        "commit": commit(),
        "machine": machine(),
    } | result
    path.write_text(json.dumps(whole, indent=2) + "\n")
    return path


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout
