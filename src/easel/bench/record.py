"""What every result names: the machine, the commit, the day."""

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from easel import __version__
from easel.engine.backends.memory import processor

ROOT = Path(__file__).parents[3]
RESULTS = ROOT / "benchmarks" / "results"
"""In a checkout; the current folder for an installed package."""

PACKAGES = ("torch", "diffusers", "transformers", "openvino", "nncf")


def machine() -> dict[str, Any]:
    """The processor, its cores, the memory and the system; nothing that names the host."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "cpu": processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def versions() -> dict[str, str]:
    """Of the packages that are measured, as far as they are installed."""
    found: dict[str, str] = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            pass
    return found


def commit() -> str:
    """The commit that was measured, `+changes` when the tree differs from it; the version outside a checkout."""
    try:
        sha = _git("rev-parse", "--short=12", "HEAD")
        return sha.strip() + ("+changes" if _git("status", "--porcelain") else "")
    except (OSError, subprocess.CalledProcessError):
        return __version__


def save(name: str, result: dict[str, Any], folder: Path | None = None) -> Path:
    """Write `result` as <name>-<date>.json, into benchmarks/results unless said otherwise, and answer where."""
    folder = folder or (RESULTS if RESULTS.parent.is_dir() else Path())
    folder.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)
    path = folder / f"{name}-{now:%Y-%m-%d}.json"
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
