"""What the README promises, done as a user does it."""

import io
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image
from sqlalchemy import text

from easel.db.session import Database


def pixels(data: bytes) -> Any:
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture.convert("RGB")).astype(int)


def download(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return answer.read()


def test_the_first_request_gives_a_picture(server: Any) -> None:
    [link] = server.draw("three red stars on a blue background")["output"]
    picture = pixels(download(link))
    assert picture.shape[2] == 3
    red, green, blue = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]]).mean(axis=0)
    assert blue > red + 60, "the border is not blue"
    assert blue > green + 40, "the border is not blue"
    reddish = (picture[..., 0] > picture[..., 2] + 60).mean()
    assert 0.01 < reddish < 0.5, f"{reddish:.1%} of the picture is red"


def test_the_same_seed_gives_the_same_file_and_another_gives_another(server: Any) -> None:
    files = [download(server.draw("a green heart", seed=seed)["output"][0]) for seed in (1, 1, 2)]
    assert files[0] == files[1] != files[2]


def test_the_command_line_draws_the_very_same_picture(server: Any, tmp_path: Path) -> None:
    served = download(server.draw("a yellow ring", seed=11)["output"][0])
    path = tmp_path / "out.png"
    done = subprocess.run(
        [sys.executable, "-m", "easel", "generate", "a yellow ring", "--seed", "11", "-o", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (pixels(path.read_bytes()) == pixels(served)).all()


def test_a_known_model_without_weights_names_the_command_that_installs_them(server: Any) -> None:
    status, answer = server.post("/api/v6/images/text2img", model_id="stable-diffu", prompt="a castle")
    assert (status, answer["status"]) == (400, "error")
    assert "easel models install stable-diffu" in answer["message"]


def test_a_worker_killed_in_mid_picture_costs_nothing_but_time(
    start_server: Callable[..., Any], data_folder: Path
) -> None:
    server = start_server(data_folder)
    asked = {"prompt": "two blue squares", "steps": 40, "seed": 3}
    undisturbed = [download(link) for link in server.draw(**asked)["output"]]
    _, answer = server.post("/api/v6/images/text2img", model_id="easel-starter", instant_response="yes", **asked)
    assert answer["status"] == "processing"
    wait_until_drawing(server, answer["id"])
    [victim] = server.workers()
    victim.kill()
    disturbed = [download(link) for link in server.wait(answer)["output"]]
    assert disturbed == undisturbed
    assert attempts_of(server, answer["id"]) == 2, "the worker was not drawing when it was killed"
    assert [worker.pid for worker in server.workers()] != [victim.pid]


def wait_until_drawing(server: Any, generation_id: int) -> None:
    """Until the database says that a worker holds the job, and then for a few steps."""
    for _ in range(400):
        state = job_of(server, generation_id, "state")
        if state == "running":
            time.sleep(0.5)
            return
        assert state == "queued", f"the job was {state} before its worker could be killed"
        time.sleep(0.01)
    raise AssertionError("nobody claimed the job")


def attempts_of(server: Any, generation_id: int) -> int:
    return job_of(server, generation_id, "attempts")


def job_of(server: Any, generation_id: int, column: str) -> Any:
    database = Database(server.database_url())
    try:
        with database.transaction() as session:
            return session.scalar(text(f"SELECT {column} FROM jobs WHERE subject_id = :id"), {"id": generation_id})
    finally:
        database.close()


def test_a_restart_keeps_the_key_and_the_pictures_and_a_stop_leaves_nothing(
    start_server: Callable[..., Any], data_folder: Path
) -> None:
    data = data_folder
    first = start_server(data, "--fake")
    link = first.draw("x")["output"][0]
    file = download(link)
    started = first.started_processes()
    assert {"gateway", "worker", "postgres"} <= {name for name, _ in started}
    assert first.stop() == 0
    assert [name for name, process in started if is_alive(process)] == []
    second = start_server(data, "--fake")
    assert second.key == first.key
    assert second.sign_in != first.sign_in
    assert download(link.replace(first.base_url, second.base_url)) == file
    assert second.stop() == 0


def is_alive(process: psutil.Process) -> bool:
    """Not so a process that has ended and only waits for its parent to notice."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("taken", ["port", "data"])
def test_a_second_server_on_the_same_port_or_data_says_what_to_change(server: Any, tmp_path: Path, taken: str) -> None:
    port = server.base_url.rsplit(":", 1)[1] if taken == "port" else "8499"
    data = server.data if taken == "data" else tmp_path / "data"
    done = subprocess.run(
        [sys.executable, "-m", "easel", "serve"],
        env=os.environ | {"PORT": port, "EASEL_DATA": str(data)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert ("PORT" if taken == "port" else "EASEL_DATA") in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("seconds", [0.3, 1.5, 3.0])
def test_a_stop_while_it_starts_leaves_nothing(data_folder: Path, seconds: float) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "easel", "serve", "--fake"],
        env=os.environ | {"PORT": "8498", "EASEL_DATA": str(data_folder)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(seconds)
    process.terminate()
    process.wait(60)
    left = [found.pid for found in psutil.process_iter(["cmdline"]) if str(data_folder) in str(found.info["cmdline"])]
    assert left == []


def test_a_database_that_dies_comes_back(start_server: Callable[..., Any], data_folder: Path) -> None:
    server = start_server(data_folder, "--fake")
    server.draw("x")
    [postmaster] = [process for name, process in server.started_processes() if name == "postgres"]
    postmaster.kill()
    postmaster.wait(30)
    deadline = time.monotonic() + 60
    while True:
        status, answer = server.post("/api/v6/images/text2img", model_id="easel-starter", prompt="y")
        if status == 200:
            break
        assert status == 503, answer
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert server.wait(answer)["status"] == "success"


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [("PORT", "abc", "PORT"), ("PORT", "70000", "PORT"), ("EASEL_LOG_LEVEL", "loud", "log_level")],
)
def test_a_wrong_setting_is_one_sentence(tmp_path: Path, variable: str, value: str, said: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "easel", "serve"],
        env=os.environ | {"EASEL_DATA": str(tmp_path), variable: value},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert said.lower() in done.stderr.lower()
