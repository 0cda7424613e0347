"""easel models: what is there, what is installed and what is refused."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from ldm import as_ldm, make_networks, write_ldm, write_vocabulary
from receiver import Answer, Received, Receiver
from safetensors.torch import save_file

from easel.catalogue.limits import defaults_of, limits_of
from easel.catalogue.queries import find_model
from easel.db.session import Database
from easel.engine.families.examine import examine
from easel.engine.families.folder import read_noise_schedule
from easel.engine.ldm.convert import convert
from easel.engine.ldm.layout import trained_for
from easel.engine.tensorfile import read_header
from easel.site.describe import facts_of

Easel = Callable[..., str]

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OTHER_FILES = {
    "README.md": b"words",
    "768-v-ema.ckpt": b"pickle",
    "768-v-ema.safetensors": b"all in one",
    "unet/diffusion_pytorch_model.bin": b"pickle",
    "unet/diffusion_pytorch_model.fp16.safetensors": b"half",
    "safety_checker/model.safetensors": b"unused",
}
"""What the hub has beside a folder's own files."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small checkpoint of sd2: `model.safetensors`, the vocabulary in `words`, and its folder in `folder`."""
    place = tmp_path_factory.mktemp("made")
    file = read_header(write_ldm(place / "model.safetensors", as_ldm("sd2", make_networks("sd2"))))
    convert(file, place / "folder", trained_for(file), tokenizer=write_vocabulary(place / "words"))
    return place


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A diffusers folder of one's own."""
    return Path(shutil.copytree(made / "folder", tmp_path / "sd2"))


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
    assert "text_encoder_2 holds no .safetensors" in easel("models", "install", "stable-diffu", "--from", str(folder))
    (folder / "model_index.json").write_text(json.dumps(index))
    (folder / "scheduler" / "scheduler_config.json").unlink()
    assert "scheduler_config.json is missing" in easel("models", "install", "stable-diffu", "--from", str(folder))
    assert not installed(easel, "stable-diffu")


def test_a_pickle_is_refused_with_how_to_convert_it(easel: Easel, folder: Path) -> None:
    (weights,) = (folder / "unet").glob("*.safetensors")
    weights.rename(weights.with_suffix(".bin"))
    refusal = easel("models", "install", "stable-diffu", "--from", str(folder))
    assert "pickled weights" in refusal
    assert "save_pretrained" in refusal
    assert not installed(easel, "stable-diffu")


def test_a_folder_that_is_not_there_is_refused(easel: Easel, tmp_path: Path) -> None:
    assert "nowhere is no file" in easel("models", "install", "stable-diffu", "--from", str(tmp_path / "nowhere"))
    assert "model_index.json is missing" in easel("models", "install", "stable-diffu", "--from", str(tmp_path))


def test_an_unknown_model_is_refused(easel: Easel) -> None:
    assert easel("models", "remove", "nope") == "Model not found: nope"
    assert easel("models", "install", "nope").startswith("Model not found: nope; to add it")


def test_another_kind_is_refused(easel: Easel, folder: Path) -> None:
    refusal = easel("models", "install", "mine", "--kind", "hypernetwork", "--from", str(folder))
    assert "mine is a hypernetwork; checkpoints, LoRAs, embeddings, VAEs, ControlNets and upscalers" in refusal


class TestALora:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        key = "unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_v"
        tensors = {f"{key}.lora_A.weight": torch.zeros(2, 1024), f"{key}.lora_B.weight": torch.zeros(8, 2)}
        told = {"modelspec.title": "A Style", "ss_network_dim": "2", "ss_tag_frequency": "x" * 30_000, "else": "no"}
        save_file(tensors, tmp_path / "style.safetensors", told)
        return tmp_path / "style.safetensors"

    def test_its_file_is_used_where_it_is_and_what_it_says_is_kept(
        self, easel: Easel, database: Database, file: Path
    ) -> None:
        said = easel("models", "install", "my-style", "--from", str(file), "--kind", "lora", "--provider", "me")
        assert said.startswith(f"my-style is installed: {file}\n")
        with database.transaction() as session:
            model = find_model(session, "my-style")
            assert (model.kind, model.name, model.provider, model.family) == ("lora", "A Style", "me", "sd2")
            assert (model.format, model.parameters) == ("low-rank", 2 * 1024 + 2 * 8)
            assert model.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
            length = int.from_bytes(file.read_bytes()[:8], "little")
            assert model.facts["autov3"] == hashlib.sha256(file.read_bytes()[8 + length :]).hexdigest()
            assert model.facts["metadata"] == {"modelspec.title": "A Style", "ss_network_dim": "2"}

    def test_one_that_the_catalogue_knows_gets_its_family_from_the_file_and_keeps_it(
        self, easel: Easel, database: Database, file: Path
    ) -> None:
        assert "2-v1 is installed" in easel("models", "install", "2-v1", "--from", str(file))
        assert installed(easel, "2-v1")  # which opens the catalogue's file once more
        with database.transaction() as session:
            assert find_model(session, "2-v1").family == "sd2"

    def test_a_folder_with_one_file_will_do(self, easel: Easel, file: Path) -> None:
        assert "2-v1 is installed" in easel("models", "install", "2-v1", "--from", str(file.parent))
        shutil.copy(file, file.with_stem("other"))
        assert "holds 2 .safetensors files" in easel("models", "install", "2-v1", "--from", str(file.parent))

    def test_what_is_no_lora_of_the_family_is_refused(self, easel: Easel, file: Path) -> None:
        words = ("--kind", "lora", "--family", "sdxl")
        refusal = easel("models", "install", "my-style", "--from", str(file), *words)
        assert "made for checkpoints of family sd2, and not of sdxl" in refusal
        file.write_bytes(file.read_bytes()[:-1])
        assert "LoRA 2-v1 cannot be drawn with" in easel("models", "install", "2-v1", "--from", str(file))


def test_the_starter_is_there_again_after_it_was_removed(easel: Easel) -> None:
    easel("models", "remove", "easel-starter")
    assert not installed(easel, "easel-starter")
    easel("models", "install", "easel-starter")
    assert installed(easel, "easel-starter")


class TestASingleFile:
    def test_it_becomes_a_model_of_ones_own_with_what_is_known_of_it(
        self, easel: Easel, made: Path, database: Database, tmp_path: Path
    ) -> None:
        words = ("--name", "My Model", "--provider", "me", "--price", "0.01", "--tokenizer", str(made / "words"))
        said = easel("models", "install", "my-model", "--from", str(made / "model.safetensors"), *words)
        assert "--objective epsilon" in said
        with database.transaction() as session:
            model = find_model(session, "my-model")
            assert (model.name, model.provider, model.price, model.family) == ("My Model", "me", 10_000, "sd2")
            assert (model.format, model.objective, model.resolution) == ("single-file", "v_prediction", 768)
            assert model.sha256 == hashlib.sha256((made / "model.safetensors").read_bytes()).hexdigest()
            assert model.size_bytes == (made / "model.safetensors").stat().st_size
            assert model.parameters
            assert model.parameters > 1_000_000
            assert (defaults_of(model).width, limits_of(model).max_size) == (768, 1024)
            facts = dict(facts_of(model, model))
            assert (facts["Trained at"], facts["SHA-256"]) == ("768 pixels, v-prediction", model.sha256)
            folder = Path(str(model.weights))
        assert folder.is_relative_to(tmp_path / "data" / "models" / "my-model")
        assert examine(folder).family == "sd2"
        assert installed(easel, "my-model")

    def test_what_the_catalogue_says_of_the_objective_counts(
        self, easel: Easel, made: Path, database: Database
    ) -> None:
        asked = ("--from", str(made / "model.safetensors"), "--tokenizer", str(made / "words"))
        assert "--objective" not in easel("models", "install", "stable-diffu", *asked)
        assert "--objective" not in easel("models", "install", "mine", *asked, "--objective", "epsilon")
        with database.transaction() as session:
            assert find_model(session, "mine").objective == "epsilon"
            assert read_noise_schedule(Path(str(find_model(session, "mine").weights))).prediction == "epsilon"

    def test_the_vocabulary_of_a_checkpoint_that_is_installed_will_do(self, easel: Easel, made: Path) -> None:
        easel("models", "install", "first", "--from", str(made / "folder"))
        easel("models", "install", "second", "--from", str(made / "model.safetensors"))
        assert installed(easel, "second")

    def test_a_vocabulary_that_is_nowhere_is_asked_for(self, easel: Easel, made: Path, tmp_path: Path) -> None:
        refusal = easel("models", "install", "mine", "--from", str(made / "model.safetensors"))
        assert "--tokenizer FOLDER" in refusal
        assert "my" not in easel("models", "list")
        assert not list((tmp_path / "data").glob("models/mine/*/*"))

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (("stable-diffu", "--name", "x"), "leave --name out"),
            (("My Model",), "A model_id is made of"),
            (("mine", "--price", "much"), "no amount of dollars"),
            (("mine", "--kind", "song"), "is a song"),
            (("mine", "--family", "sdxl"), "text_encoder_2 holds no .safetensors"),
            (("mine", "--family", "sd9"), "known are sd1, sd2, sdxl"),
        ],
    )
    def test_words_that_do_not_fit_are_refused(
        self, easel: Easel, made: Path, words: tuple[str, ...], said: str
    ) -> None:
        assert said in easel("models", "install", *words, "--from", str(made / "folder"))

    def test_a_pickle_is_refused_unread(self, easel: Easel, tmp_path: Path) -> None:
        (tmp_path / "model.ckpt").write_bytes(b"pickle")
        assert "is a pickle" in easel("models", "install", "mine", "--from", str(tmp_path / "model.ckpt"))


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
        self,
        install: Callable[[], subprocess.CompletedProcess[str]],
        receiver: Receiver,
        easel: Easel,
        tmp_path: Path,
        folder: Path,
    ) -> None:
        fetched_files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.*")}
        receiver.answer = hub(OTHER_FILES | fetched_files)
        done = install()
        assert done.returncode == 0, done.stderr
        (snapshot,) = (tmp_path / "hub").glob(f"**/snapshots/{COMMIT}")
        fetched = {str(path.relative_to(snapshot)) for path in snapshot.rglob("*") if path.is_file()}
        assert fetched == fetched_files.keys()
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
