"""Some of what `python -m benchmarks.chaos` does for ten minutes: whatever is killed, nothing is lost or paid twice."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(400)
def test_nothing_is_lost_or_paid_twice_whatever_is_killed() -> None:
    command = [sys.executable, "-m", "benchmarks.chaos", "--minutes", "0.4", "--clients", "4", "--not-saved"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    assert '"done"' in done.stdout
