"""The direction of imports, as pyproject.toml states it, and what the gateway never loads."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

HEAVY = ("torch", "diffusers", "transformers", "numpy", "easel.engine", "easel.worker", "easel.train")


def test_imports_point_down_the_tree() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    said = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr


@pytest.mark.parametrize("module", ["easel.gateway.app", "easel.cli.gateway", "easel.cli.main"])
def test_the_gateway_loads_nothing_heavy(module: str) -> None:
    """In a process of its own: this one may have loaded anything."""
    program = f"import {module}, sys; print(*sys.modules, sep='\\n')"
    said = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=True)
    loaded = set(said.stdout.split())
    assert module in loaded
    assert not [heavy for heavy in HEAVY if heavy in loaded]
