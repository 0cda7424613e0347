"""From `make serve` to the first picture, and what the processes weigh.

    python -m benchmarks.startup [--runs 3]

Clones the repository into a temporary folder and does what a new user does there, with an empty virtual environment and
a warmed package cache (the first run warms it and is not counted). Then, in the same clone: the resident memory of
gateway and worker after the picture, and the import time of the gateway beside the import time of torch.
"""

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import psutil

from benchmarks.record import save

ROOT = Path(__file__).parent.parent
PORT = 8517
PROMPT = "three red stars on a blue background"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--runs", type=int, default=3)
    runs = arguments.parse_args().runs
    folder = Path(tempfile.mkdtemp(prefix="easel-startup-"))
    try:
        subprocess.run(["git", "clone", "-q", str(ROOT), str(folder / "easel")], check=True)
        first, *counted = [from_make_serve(folder / "easel", folder / f"data{run}") for run in range(runs + 1)]
        again = [from_make_serve(folder / "easel", folder / "data0", fresh=False) for _ in range(runs)]
        imports = import_times(folder / "easel")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    result = {
        "seconds_from_make_serve_to_first_picture": {
            "first_run_cache_may_be_cold": first["picture"],
            "fresh_environment_warm_cache": summary([run["picture"] for run in counted]),
            "of_which_until_ready": summary([run["ready"] for run in counted]),
            "second_start_same_environment": summary([run["picture"] for run in again]),
        },
        "resident_mib_after_first_picture": counted[-1]["resident_mib"],
        "import_seconds": imports,
    }
    print(json.dumps(result, indent=2))
    print("written to", save("startup", result))


def from_make_serve(clone: Path, data: Path, *, fresh: bool = True) -> dict[str, Any]:
    """One start. `fresh` takes the virtual environment away first."""
    if fresh:
        shutil.rmtree(clone / ".venv", ignore_errors=True)
    environment = os.environ | {"PORT": str(PORT), "EASEL_DATA": str(data)}
    started = time.monotonic()
    server = subprocess.Popen(
        ["make", "serve"], cwd=clone, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert server.stdout
        key = next(line.split(": ", 1)[1].strip() for line in server.stdout if line.startswith("API key: "))
        ready = time.monotonic() - started
        answer = ask(key)
        assert answer["status"] == "success", answer
        with urllib.request.urlopen(answer["output"][0]) as picture:
            assert picture.read(4) == b"\x89PNG"
        return {"ready": ready, "picture": time.monotonic() - started, "resident_mib": resident(server.pid)}
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(60)


def ask(key: str) -> dict[str, Any]:
    body = json.dumps({"key": key, "model_id": "easel-starter", "prompt": PROMPT}).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{PORT}/api/v6/images/text2img", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)


def resident(pid: int) -> dict[str, float]:
    """MiB by process."""
    sizes: dict[str, float] = {}
    for process in psutil.Process(pid).children(recursive=True):
        words = process.cmdline()
        for name in ("gateway", "worker"):
            if "easel" in words and name in words:
                sizes[name] = round(process.memory_info().rss / 2**20, 1)
    return sizes


def import_times(clone: Path) -> dict[str, Any]:
    python = str(clone / ".venv/bin/python")

    def seconds(module: str) -> dict[str, float]:
        times: list[float] = []
        for _ in range(5):
            started = time.monotonic()
            subprocess.run([python, "-c", f"import {module}"], check=True, cwd=clone)
            times.append(time.monotonic() - started)
        return summary(times)

    check = "import sys, easel.gateway.app; print('torch' in sys.modules)"
    loaded = subprocess.run([python, "-c", check], capture_output=True, text=True, check=True, cwd=clone).stdout
    return {
        "interpreter_alone": seconds("sys"),
        "gateway": seconds("easel.gateway.app"),
        "torch": seconds("torch"),
        "gateway_loads_torch": loaded.strip() == "True",
    }


def summary(seconds: list[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(seconds), 2),
        "min": round(min(seconds), 2),
        "max": round(max(seconds), 2),
        "runs": len(seconds),
    }


if __name__ == "__main__":
    main()
