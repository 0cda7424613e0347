"""Single-file checkpoints become folders: every tensor under its name, every setting from the shapes."""

import gzip
import json
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from diffusers.loaders import single_file_utils as diffusers_own
from ldm import LETTERS, WORDS, as_ldm, make_networks, write_header, write_ldm, write_vocabulary
from safetensors.torch import load_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from easel.domain.errors import InvalidRequest
from easel.engine.families import family_of
from easel.engine.families.folder import read_noise_schedule, read_settings
from easel.engine.ldm import vocabulary
from easel.engine.ldm.convert import convert, parts_of
from easel.engine.ldm.layout import trained_for
from easel.engine.request import Checkpoint
from easel.engine.tensorfile import read_header

FAMILIES = ["sd1", "sd2", "sdxl"]


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_vocabulary(tmp_path_factory.mktemp("words") / "tokenizer")


@pytest.fixture(scope="module", params=FAMILIES)
def converted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, words: Path) -> Any:
    """A family's name, its networks, the same in LDM's layout, and the folder that Easel makes of that."""
    family = request.param
    place = tmp_path_factory.mktemp(family)
    networks = make_networks(family)
    ldm = as_ldm(family, networks)
    file = read_header(write_ldm(place / "model.safetensors", ldm))
    convert(file, place / "folder", trained_for(file, objective="v_prediction"), vocabularies=[words])
    return family, networks, ldm, place / "folder"


def test_every_tensor_is_there_under_its_name(converted) -> None:
    _, networks, _, folder = converted
    for part, network in networks.items():
        (path,) = (folder / part).glob("*.safetensors")
        read = {name.removeprefix("text_model."): tensor for name, tensor in load_file(path).items()}
        wanted = {name.removeprefix("text_model."): tensor for name, tensor in network.state_dict().items()}
        assert read.keys() == wanted.keys(), part
        for name, tensor in wanted.items():
            assert torch.equal(read[name], tensor), f"{part} {name}"


def test_diffusers_own_conversion_says_the_same(converted) -> None:
    family, _, ldm, folder = converted
    config = read_settings(folder, "unet/config.json")
    theirs = {
        "unet": diffusers_own.convert_ldm_unet_checkpoint(dict(ldm), config),
        "vae": diffusers_own.convert_ldm_vae_checkpoint(dict(ldm), read_settings(folder, "vae/config.json")),
    }
    second = CLIPTextModelWithProjection.from_pretrained(folder / "text_encoder_2") if family == "sdxl" else None
    if family == "sd2":
        first = CLIPTextModel.from_pretrained(folder / "text_encoder")
        theirs["text_encoder"] = diffusers_own.convert_open_clip_checkpoint(first, dict(ldm))
    elif second:
        prefix = "conditioner.embedders.1.model."
        theirs["text_encoder_2"] = diffusers_own.convert_open_clip_checkpoint(second, dict(ldm), prefix=prefix)
    for part, tensors in theirs.items():
        (path,) = (folder / part).glob("*.safetensors")
        ours = load_file(path)
        assert ours.keys() == tensors.keys(), part
        assert all(torch.equal(ours[name], tensor) for name, tensor in tensors.items()), part


def test_the_settings_are_those_of_the_networks(converted) -> None:
    _, networks, _, folder = converted
    for part, network in networks.items():
        settings = read_settings(folder, f"{part}/config.json")
        wanted = network.config.to_dict() if hasattr(network.config, "to_dict") else dict(network.config)
        for name in settings.keys() - {"sample_size", "architectures", "dtype", "_class_name"}:
            assert _plain(settings[name], wanted[name]) == _plain(wanted[name], settings[name]), f"{part} {name}"


def _plain(one: Any, other: Any) -> Any:
    """A number for all levels is that number for each."""
    if isinstance(one, list | tuple):
        return list(one)
    return [one] * len(other) if isinstance(other, list | tuple) else one


def test_the_picture_is_that_of_diffusers_own_pipeline(converted, make_picture, draw) -> None:
    family, networks, _, folder = converted
    assert family_of(folder) == ("sd2" if family == "sd1" else family), "sd1 is told by CLIP-L's width, not kept here"
    request = make_picture(checkpoint=Checkpoint(name="it", family=family, folder=folder), seed=5, negative_prompt="b")
    runner, ended = draw(request)
    pipeline = diffusers.DiffusionPipeline.from_pretrained(folder)
    for part, network in networks.items():
        setattr(pipeline, part, network)  # what the file was made from, not what Easel made of the file
    pipeline.set_progress_bar_config(disable=True)
    pipeline.scheduler = diffusers.DDIMScheduler.from_config(pipeline.scheduler.config)
    latents = pipeline(
        request.prompt,
        negative_prompt=request.negative_prompt,
        width=request.width,
        height=request.height,
        num_inference_steps=request.steps,
        guidance_scale=request.guidance,
        generator=torch.Generator().manual_seed(request.seed),
        output_type="latent",
    ).images[0]
    assert float((runner.latents["a"] - latents).abs().max()) < 1e-4 * float(latents.abs().max())
    with torch.no_grad():
        picture = pipeline.vae.decode(latents[None] / pipeline.vae.config.scaling_factor).sample[0]
    pixels = ((picture / 2 + 0.5).clamp(0, 1) * 255).round().permute(1, 2, 0).numpy()
    assert np.abs(ended["a"].image - pixels).max() <= 1


REAL = {
    "sd1": {
        "block_out_channels": [320, 640, 1280, 1280],
        "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
        "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
        "layers_per_block": 2,
        "cross_attention_dim": 768,
        "attention_head_dim": 8,
        "use_linear_projection": False,
        "transformer_layers_per_block": [1, 1, 1, 1],
    },
    "sd2": {
        "block_out_channels": [320, 640, 1280, 1280],
        "layers_per_block": 2,
        "cross_attention_dim": 1024,
        "attention_head_dim": [5, 10, 20, 20],
        "use_linear_projection": True,
    },
    "sdxl": {
        "block_out_channels": [320, 640, 1280],
        "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
        "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
        "transformer_layers_per_block": [1, 2, 10],
        "cross_attention_dim": 2048,
        "attention_head_dim": [5, 10, 20],
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 2816,
    },
}
"""As the hub's own folders of the three have them."""


@pytest.mark.parametrize("family", FAMILIES)
def test_the_real_sizes_are_read_off_the_shapes(family: str, tmp_path: Path, words: Path) -> None:
    path = write_header(tmp_path / "real.safetensors", real_shapes(family))
    file = read_header(path)
    assert file.parameters == pytest.approx({"sd1": 1.07e9, "sd2": 1.31e9, "sdxl": 3.47e9}[family], rel=0.01)
    parts = parts_of(file, trained_for(file))
    settings = parts["unet"].settings
    assert {name: settings[name] for name in REAL[family]} == REAL[family]
    assert parts["vae"].settings["block_out_channels"] == [128, 256, 512, 512]
    assert parts["vae"].settings["layers_per_block"] == 2
    text = parts["text_encoder"].settings
    assert (text["num_hidden_layers"], text["num_attention_heads"], text["vocab_size"]) == (
        (23, 16, 49408) if family == "sd2" else (12, 12, 49408)
    )
    if family == "sdxl":
        second = parts["text_encoder_2"].settings
        assert (second["num_hidden_layers"], second["num_attention_heads"], second["projection_dim"]) == (32, 20, 1280)


def real_shapes(family: str) -> dict[str, tuple[int, ...]]:
    """The full-size networks, without memory."""
    real = REAL[family]
    own = {name: value for name, value in real.items() if name != "layers_per_block"}
    if family == "sdxl":
        own["addition_embed_type"] = "text_time"
        own["use_linear_projection"] = True

    def text(width: int, layers: int, act: str, projection: int) -> CLIPTextConfig:
        return CLIPTextConfig(
            hidden_size=width,
            intermediate_size=4 * width,
            num_hidden_layers=layers,
            num_attention_heads=width // 64,
            hidden_act=act,
            projection_dim=projection,
        )

    with torch.device("meta"):
        networks: dict[str, Any] = {
            "unet": diffusers.UNet2DConditionModel(layers_per_block=2, **own),
            "vae": diffusers.AutoencoderKL(
                block_out_channels=(128, 256, 512, 512),
                down_block_types=("DownEncoderBlock2D",) * 4,
                up_block_types=("UpDecoderBlock2D",) * 4,
                layers_per_block=2,
            ),
            "text_encoder": CLIPTextModel(
                text(1024, 24, "gelu", 1024) if family == "sd2" else text(768, 12, "quick_gelu", 768)
            ),
        }
        if family == "sdxl":
            networks["text_encoder_2"] = CLIPTextModelWithProjection(text(1280, 32, "gelu", 1280))
        return {name: tuple(tensor.shape) for name, tensor in as_ldm(family, networks).items()}


@pytest.fixture
def sd2_file(tmp_path: Path):
    """A small sd2 file with the metadata and the further tensors given."""
    ldm = as_ldm("sd2", make_networks("sd2"))

    def make(*more: str, **metadata: str) -> Any:
        marks = {name: torch.zeros(0) for name in more}
        return read_header(write_ldm(tmp_path / "sd2.safetensors", ldm | marks, **metadata))

    return make


@pytest.mark.parametrize(
    ("more", "metadata", "said", "objective", "resolution", "is_guessed"),
    [
        ((), {}, None, "v_prediction", 768, True),
        ((), {}, "epsilon", "epsilon", 512, False),
        (("v_pred",), {}, "epsilon", "v_prediction", 768, False),
        ((), {"modelspec.architecture": "stable-diffusion-v2-768-v"}, None, "v_prediction", 768, False),
        ((), {"modelspec.architecture": "stable-diffusion-v2-512"}, None, "epsilon", 512, False),
        ((), {"modelspec.prediction_type": "epsilon"}, "v_prediction", "epsilon", 512, False),
        ((), {"modelspec.prediction_type": "v", "modelspec.resolution": "640x704"}, None, "v_prediction", 640, False),
        ((), {"ss_v2": "True", "ss_v_parameterization": "True"}, None, "v_prediction", 768, False),
        ((), {"ss_v2": "True"}, None, "epsilon", 512, False),
        ((), {"modelspec.resolution": "-3x999999999"}, None, "v_prediction", 768, True),
    ],
)
def test_what_it_was_trained_for_is_what_the_file_says_then_what_is_said_of_it(
    sd2_file, more, metadata, said, objective, resolution, is_guessed
) -> None:
    trained = trained_for(sd2_file(*more, **{key: value for key, value in metadata.items()}), objective=said)
    assert (trained.objective, trained.resolution, trained.is_guessed) == (objective, resolution, is_guessed)


def test_a_schedule_that_ends_in_all_noise_is_kept(sd2_file, tmp_path: Path, words: Path) -> None:
    file = sd2_file("v_pred", "ztsnr")
    convert(file, tmp_path / "folder", trained_for(file), tokenizer=words)
    schedule = read_noise_schedule(tmp_path / "folder")
    assert schedule.alpha_bars[-1] == 0
    assert schedule.timestep_spacing == "trailing"


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        ("model.diffusion_model.", "no tensors under model.diffusion_model"),
        ("first_stage_model.", "no autoencoder"),
        ("cond_stage_model.", "no text encoder"),
        ("model.diffusion_model.out.2.", "no tensor out.2.weight"),
        ("first_stage_model.encoder.conv_in.", "no tensor encoder.conv_in.weight"),
        ("cond_stage_model.model.token_embedding", "no tensor text_model.embeddings.token_embedding.weight"),
    ],
)
def test_a_file_that_lacks_a_part_is_refused(tmp_path: Path, words: Path, lost: str, said: str) -> None:
    ldm = as_ldm("sd2", make_networks("sd2"))
    left = {name: tensor for name, tensor in ldm.items() if not name.startswith(lost)}
    file = read_header(write_ldm(tmp_path / "it.safetensors", left))
    with pytest.raises(InvalidRequest, match=said):
        convert(file, tmp_path / "folder", trained_for(file), vocabularies=[words])
    assert [path.name for path in tmp_path.iterdir()] == ["it.safetensors"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("model.diffusion_model.joint_blocks.0.x", "Stable Diffusion 3"),
        ("double_blocks.0.x", "FLUX"),
        ("conditioner.embedders.0.model.x", "SDXL's refiner"),
        ("lora_unet_down_blocks_0.lora_down.weight", "a LoRA"),
        ("weight", "no single-file checkpoint"),
    ],
)
def test_files_of_something_else_are_told_apart(tmp_path: Path, name: str, said: str) -> None:
    file = read_header(write_ldm(tmp_path / "it.safetensors", {name: torch.zeros(1)}))
    with pytest.raises(InvalidRequest, match=said):
        trained_for(file)


class TestVocabulary:
    def test_without_one_the_refusal_says_what_to_give(self, sd2_file, tmp_path: Path, monkeypatch) -> None:
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
        file = sd2_file()
        with pytest.raises(InvalidRequest, match="--tokenizer FOLDER"):
            convert(file, tmp_path / "folder", trained_for(file), vocabularies=[tmp_path])
        assert not (tmp_path / "folder").exists()

    def test_a_folder_without_one_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidRequest, match=r"holds no vocab\.json"):
            vocabulary.find_vocabulary(5, [], given=tmp_path)

    @pytest.mark.parametrize("damage", ["{", "[1, 2]", '{"a": 1}'])
    def test_a_damaged_one_is_passed_over(self, tmp_path: Path, words: Path, damage: str) -> None:
        (tmp_path / "tokenizer.json").write_text(damage)
        (tmp_path / "vocab.json").write_text(damage)
        (tmp_path / "merges.txt").write_text("")
        found = vocabulary.find_vocabulary(len(WORDS), [tmp_path, words])
        assert found.words["!"] == 0

    def test_transformers_reads_from_a_folder_it_wrote_what_easel_writes(self, tmp_path: Path, words: Path) -> None:
        theirs = CLIPTokenizer.from_pretrained(words)
        theirs.save_pretrained(tmp_path / "theirs")
        found = vocabulary.find_vocabulary(len(WORDS), [tmp_path / "theirs"])
        found.write(tmp_path / "ours", length=16, pad="!")
        ours = CLIPTokenizer.from_pretrained(tmp_path / "ours")
        text = "A (big) cat"
        assert ours(text).input_ids == theirs(text).input_ids
        assert ours(text, padding="max_length").input_ids[-1] == 0
        assert ours.model_max_length == 16

    def test_open_clips_list_of_merges_gives_its_words(self, tmp_path: Path) -> None:
        merges = [f"{first} {second}" for first in LETTERS for second in LETTERS][:300]
        file = tmp_path / "bpe.txt.gz"
        file.write_bytes(gzip.compress("\n".join(["a comment", *merges]).encode()))
        found = vocabulary.read_open_clips(file)
        assert len(found.words) == 512 + len(merges) + 2
        assert (found.words["!"], found.words["!</w>"], found.words["!!"]) == (0, 256, 512)
        assert json.loads(json.dumps(found.merges)) == merges
