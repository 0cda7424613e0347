"""easel models: what is there, what is installed and what is refused."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from receiver import Answer, Received, Receiver

Easel = Callable[..., str]

COMMIT = "0123456789abcdef0123456789abcdef01234567"
INDEX = {"_class_name": "StableDiffusionPipeline", **dict.fromkeys(("unet", "vae", "text_encoder"))}
FILES = {
    "model_index.json": b"{}",
    "README.md": b"words",
    "768-v-ema.ckpt": b"pickle",
    "768-v-ema.safetensors": b"all in one",
    "scheduler/scheduler_config.json": b"{}",
    "tokenizer/merges.txt": b"",
    "unet/config.json": b"{}",
    "unet/diffusion_pytorch_model.bin": b"pickle",
    "unet/diffusion_pytorch_model.safetensors": b"weights",
    "unet/diffusion_pytorch_model.fp16.safetensors": b"half",
    "vae/diffusion_pytorch_model.safetensors": b"weights",
    "text_encoder/model.safetensors": b"weights",
    "safety_checker/model.safetensors": b"unused",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A diffusers folder with files of the right names."""
    folder = tmp_path / "sd2"
    folder.mkdir()
    (folder / "model_index.json").write_text(json.dumps(INDEX))
    for part in ("unet", "vae", "text_encoder"):
        (folder / part).mkdir()
        (folder / part / "model.safetensors").write_bytes(b"")
    (folder / "scheduler").mkdir()
    (folder / "scheduler" / "scheduler_config.json").write_text("{}")
    return folder


def installed(easel: Easel, model_id: str) -> bool:
    line = next(line for line in easel("models", "list").splitlines() if model_id in line)
    return line.split("│")[-2].strip() == "yes"


def test_the_catalogue_is_listed(easel: Easel) -> None:
    shown = easel("models", "list")
    for word in ("easel-starter", "stable-diffu", "2-v1", "Stable Diffusion 2.0", "$0.0047", "CreativeML"):
        assert word in shown
    assert installed(easel, "easel-starter")
    assert not installed(easel, "stable-diffu")


def test_a_folder_is_taken_where_it_is_and_left_there(easel: Easel, folder: Path) -> None:
    said = easel("models", "install", "stable-diffu", "--from", str(folder))
    assert said.startswith(f"stable-diffu is installed: {folder}\nfor the installation in ")
    assert installed(easel, "stable-diffu")
    assert f"its files are left in {folder}" in easel("models", "remove", "stable-diffu")
    assert not installed(easel, "stable-diffu")
    assert (folder / "model_index.json").exists()


def test_a_relative_folder_is_written_down_as_an_absolute_one(
    easel: Easel, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    assert f"stable-diffu is installed: {folder}\n" in easel("models", "install", "stable-diffu", "--from", "sd2")


def test_a_folder_that_no_worker_could_load_is_refused(easel: Easel, folder: Path) -> None:
    index = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps(index | {"_class_name": "StableDiffusionXLPipeline"}))
    assert "is of family sdxl" in easel("models", "install", "stable-diffu", "--from", str(folder))
    (folder / "model_index.json").write_text(json.dumps(index))
    (folder / "scheduler" / "scheduler_config.json").unlink()
    assert "scheduler_config.json is missing" in easel("models", "install", "stable-diffu", "--from", str(folder))
    assert not installed(easel, "stable-diffu")


def test_a_pickle_is_refused_with_how_to_convert_it(easel: Easel, folder: Path) -> None:
    (folder / "unet" / "model.safetensors").rename(folder / "unet" / "model.bin")
    refusal = easel("models", "install", "stable-diffu", "--from", str(folder))
    assert "is a pickle" in refusal
    assert "safe_serialization=True" in refusal
    assert not installed(easel, "stable-diffu")


def test_a_folder_that_is_not_there_is_refused(easel: Easel, tmp_path: Path) -> None:
    assert "has no model_index.json" in easel("models", "install", "stable-diffu", "--from", str(tmp_path / "nowhere"))


def test_an_unknown_model_is_refused(easel: Easel) -> None:
    for verb in ("install", "remove"):
        assert easel("models", verb, "nope") == "Model not found: nope"


def test_a_lora_is_refused(easel: Easel, folder: Path) -> None:
    assert "only checkpoints can be installed so far" in easel("models", "install", "2-v1", "--from", str(folder))


def test_the_starter_is_there_again_after_it_was_removed(easel: Easel) -> None:
    easel("models", "remove", "easel-starter")
    assert not installed(easel, "easel-starter")
    easel("models", "install", "easel-starter")
    assert installed(easel, "easel-starter")


class TestDownload:
    """From a hub on this machine, by the real client in a process of its own: it reads its address when imported."""

    @pytest.fixture
    def install(
        self, database_url: str, tmp_path: Path, receiver: Receiver
    ) -> Callable[[], subprocess.CompletedProcess[str]]:
        environment = os.environ | {
            "EASEL_DATA": str(tmp_path / "data"),
            "EASEL_DATABASE_URL": database_url,
            "HF_ENDPOINT": receiver.url,
            "HF_HOME": str(tmp_path / "hub"),
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_XET": "1",
            "NO_PROXY": "127.0.0.1",
        }
        command = [sys.executable, "-m", "easel", "models", "install", "stable-diffu"]
        return lambda: subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)

    def test_only_what_drawing_needs_is_fetched_and_no_pickle(
        self, install: Callable[[], subprocess.CompletedProcess[str]], receiver: Receiver, easel: Easel, tmp_path: Path
    ) -> None:
        receiver.answer = hub(FILES | {"model_index.json": json.dumps(INDEX).encode()})
        done = install()
        assert done.returncode == 0, done.stderr
        (snapshot,) = (tmp_path / "hub").glob(f"**/snapshots/{COMMIT}")
        fetched = {str(path.relative_to(snapshot)) for path in snapshot.rglob("*") if path.is_file()}
        assert fetched == {
            "model_index.json",
            "scheduler/scheduler_config.json",
            "tokenizer/merges.txt",
            "unet/config.json",
            "unet/diffusion_pytorch_model.safetensors",
            "vae/diffusion_pytorch_model.safetensors",
            "text_encoder/model.safetensors",
        }
        assert f"stable-diffu is installed: {snapshot}" in done.stdout
        assert installed(easel, "stable-diffu")

    def test_a_hub_that_does_not_have_it_is_one_sentence_with_a_way_out(
        self, install: Callable[[], subprocess.CompletedProcess[str]], receiver: Receiver, easel: Easel
    ) -> None:
        receiver.answer = lambda request: Answer(404, {"X-Error-Code": "RepoNotFound"})
        done = install()
        assert done.returncode == 1
        assert "could not be fetched from the Hugging Face hub" in done.stderr
        assert "easel models install stable-diffu --from FOLDER" in done.stderr
        assert "Traceback" not in done.stderr
        assert not installed(easel, "stable-diffu")


def hub(files: dict[str, bytes]) -> Callable[[Received], Answer]:
    """As much of the Hugging Face hub as its client asks for."""

    def answer(request: Received) -> Answer:
        path = request.path.partition("?")[0]
        if "/resolve/" in path:
            name = path.split("/resolve/")[1].partition("/")[2]
            marks = {"ETag": f'"{abs(hash(name)):x}"', "X-Repo-Commit": COMMIT}
            return Answer(200, marks, files[name]) if name in files else Answer(404, {"X-Error-Code": "EntryNotFound"})
        if "/tree/" in path:
            tree = [{"type": "file", "path": name, "size": len(data), "oid": "0" * 40} for name, data in files.items()]
            return Answer(headers={"Content-Type": "application/json"}, body=json.dumps(tree).encode())
        about = {"id": "any/model", "sha": COMMIT, "siblings": [{"rfilename": name} for name in files]}
        return Answer(headers={"Content-Type": "application/json"}, body=json.dumps(about).encode())

    return answer
