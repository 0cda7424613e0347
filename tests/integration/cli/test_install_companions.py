"""easel models install: textual inversions and autoencoders."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL
from ldm import vae_name
from safetensors.torch import save_file

from easel.catalogue.queries import find_model
from easel.db.session import Database
from easel.engine.upscaling.layout import Compact
from easel.engine.upscaling.networks import network_of

Easel = Callable[..., str]


class TestAnEmbedding:
    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        save_file({"emb_params": torch.zeros(3, 1024)}, tmp_path / "style.safetensors")
        return tmp_path / "style.safetensors"

    def test_its_family_is_read_off_its_vectors(self, easel: Easel, database: Database, file: Path) -> None:
        said = easel("models", "install", "my-style", "--from", str(file), "--kind", "embedding")
        assert said.startswith(f"my-style is installed: {file}\n")
        assert "A prompt that has the word my-style in it" in said
        with database.transaction() as session:
            model = find_model(session, "my-style")
            assert (model.kind, model.family, model.weights) == ("embedding", "sd2", str(file))
            assert (model.facts["vectors"], model.parameters) == (3, 3 * 1024)
            assert model.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()

    def test_a_family_that_nobody_says_must_be_said(self, easel: Easel, file: Path, database: Database) -> None:
        save_file({"emb_params": torch.zeros(3, 192)}, file)
        words = ("models", "install", "my-style", "--from", str(file), "--kind", "embedding")
        assert "say it with --family" in easel(*words)
        assert "my-style is installed" in easel(*words, "--family", "sd2")
        with database.transaction() as session:
            assert find_model(session, "my-style").family == "sd2"

    @pytest.mark.parametrize(
        ("damage", "said"),
        [
            (lambda file: file.with_suffix(".pt").write_bytes(b"pickle"), "no .safetensors file"),
            (lambda file: save_file({"a": torch.zeros(1), "b": torch.zeros(1)}, file), "holds no tensor named"),
            (lambda file: save_file({"emb_params": torch.zeros(3, 768)}, file), "of family sd1, and not of sd2"),
            (lambda file: file.write_bytes(b"nonsense"), "no safetensors file"),
        ],
    )
    def test_what_is_none_is_refused(
        self, easel: Easel, file: Path, damage: Callable[[Path], object], said: str
    ) -> None:
        damage(file)
        given = file.with_suffix(".pt") if file.with_suffix(".pt").exists() else file
        words = ("--kind", "embedding", "--family", "sd2")
        assert said in easel("models", "install", "my-style", "--from", str(given), *words)
        assert "my-style" not in easel("models", "list")


class TestAVae:
    @pytest.fixture
    def vae(self) -> AutoencoderKL:
        return AutoencoderKL(
            block_out_channels=(16, 16, 32, 32),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            norm_num_groups=8,
            scaling_factor=0.13025,
        )

    def test_a_folder_is_used_where_it_is(
        self, easel: Easel, database: Database, vae: AutoencoderKL, tmp_path: Path
    ) -> None:
        vae.save_pretrained(tmp_path / "vae")
        said = easel("models", "install", "sharp", "--from", str(tmp_path / "vae"), "--kind", "vae")
        assert said.startswith(f"sharp is installed: {tmp_path / 'vae'}\n")
        with database.transaction() as session:
            model = find_model(session, "sharp")
            assert (model.kind, model.family, model.format) == ("vae", "sdxl", "diffusers")
            assert model.parameters == sum(weight.numel() for weight in vae.parameters())

    def test_a_file_must_be_told_its_family(
        self, easel: Easel, database: Database, vae: AutoencoderKL, tmp_path: Path
    ) -> None:
        file = tmp_path / "sharp.safetensors"
        save_file({vae_name(name): tensor.contiguous() for name, tensor in vae.state_dict().items()}, file)
        words = ("models", "install", "sharp", "--from", str(file), "--kind", "vae")
        assert "say it with --family" in easel(*words)
        assert "sharp is installed" in easel(*words, "--family", "sd1")
        with database.transaction() as session:
            model = find_model(session, "sharp")
            assert (model.family, model.format, model.weights) == ("sd1", "single-file", str(file))

    def test_what_is_none_is_refused(self, easel: Easel, vae: AutoencoderKL, tmp_path: Path) -> None:
        vae.save_pretrained(tmp_path / "vae")
        (tmp_path / "pickle.pt").write_bytes(b"pickle")
        save_file({"encoder.conv_in.weight": torch.zeros(1)}, tmp_path / "half.safetensors")
        words = ("--kind", "vae", "--family", "sd1")
        for given, said in (
            ("vae", "made for checkpoints of family sdxl, and not of sd1"),
            ("pickle.pt", "is a pickle, which can run code"),
            ("half.safetensors", "is no autoencoder: it has no tensor decoder.conv_out.weight"),
            ("nowhere", "nowhere is no file"),
        ):
            assert said in easel("models", "install", "sharp", "--from", str(tmp_path / given), *words)


class TestAnUpscaler:
    def test_its_factor_is_read_off_its_layers(self, easel: Easel, database: Database, tmp_path: Path) -> None:
        file = tmp_path / "sharp.safetensors"
        save_file(network_of(Compact(factor=4, convolutions=1, features=4)).state_dict(), file)
        said = easel("models", "install", "sharp", "--from", str(file), "--kind", "upscaler")
        assert said.startswith(f"sharp is installed: {file}\n")
        with database.transaction() as session:
            model = find_model(session, "sharp")
            assert (model.kind, model.facts["factor"], model.weights) == ("upscaler", 4, str(file))

    def test_what_is_none_is_refused(self, easel: Easel, tmp_path: Path) -> None:
        save_file({"weight": torch.zeros(1)}, tmp_path / "sharp.safetensors")
        said = easel("models", "install", "sharp", "--from", str(tmp_path / "sharp.safetensors"), "--kind", "upscaler")
        assert "is no upscaler that is known here" in said
