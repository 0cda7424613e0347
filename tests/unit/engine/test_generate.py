"""`easel generate` over a checkpoint of random weights."""

import shutil
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from ldm import as_ldm, make_networks, write_ldm, write_vocabulary
from PIL import Image, ImageOps
from safetensors.torch import save_file
from test_control import save_control
from transformers import CLIPTextConfig

from easel.catalogue.entries import read_entries
from easel.cli.generate import STARTER, generate, habits_of
from easel.domain.errors import InvalidRequest
from easel.domain.sampling import Sampler


@pytest.fixture
def folder(checkpoint, tmp_path: Path) -> Path:
    copy = tmp_path / "model"
    shutil.copytree(checkpoint.folder, copy)
    return copy


def test_draws_and_writes_what_was_asked_into_the_file(folder, tmp_path, capsys) -> None:
    generate("a red cat", model=str(folder), out=tmp_path / "out.png", seed=7, size="72x64", steps=3)
    with Image.open(tmp_path / "out.png") as picture:
        assert picture.size == (72, 64)
        parameters = picture.info["parameters"]
    assert parameters.startswith("a red cat\n")
    assert "Steps: 3" in parameters
    assert "Seed: 7" in parameters
    assert capsys.readouterr().out == f"{tmp_path / 'out.png'} (seed 7)\n"


def test_further_pictures_have_further_seeds_and_names(folder, tmp_path, capsys) -> None:
    generate("a", model=str(folder), out=tmp_path / "out.png", seed=7, samples=3, size="64x64")
    assert capsys.readouterr().out.splitlines() == [
        f"{tmp_path / name} (seed {seed})" for name, seed in (("out.png", 7), ("out-2.png", 8), ("out-3.png", 9))
    ]
    generate("a", model=str(folder), out=tmp_path / "again.png", seed=8, size="64x64")
    assert (tmp_path / "again.png").read_bytes() == (tmp_path / "out-2.png").read_bytes()


def test_a_seed_is_picked_and_shown(folder, tmp_path, capsys) -> None:
    for name in ("a.png", "b.png"):
        generate("a", model=str(folder), out=tmp_path / name)
    first, second = capsys.readouterr().out.splitlines()
    assert first.split("seed")[1] != second.split("seed")[1]


def test_a_folder_of_ones_own_gets_the_fields_habits_and_the_starter_what_the_catalogue_says(checkpoint) -> None:
    own, _ = habits_of(str(checkpoint.folder), checkpoint.folder)
    assert (own.width, own.height, own.steps, own.guidance, own.sampler) == (64, 64, 30, 7.5, Sampler.DDIM)
    [starter] = [entry for entry in read_entries() if entry.model_id == STARTER]
    assert asdict(habits_of(STARTER, checkpoint.folder)[0]) == starter.defaults


def test_begins_from_a_picture_and_keeps_what_the_mask_keeps(folder, tmp_path, capsys) -> None:
    picture = Image.linear_gradient("L").resize((100, 75)).convert("RGB")
    picture.save(tmp_path / "in.png")
    mask = Image.new("L", (100, 75), 0)
    mask.paste(255, (0, 0, 40, 75))
    mask.save(tmp_path / "mask.png")
    said = {"model": str(folder), "image": tmp_path / "in.png", "mask": tmp_path / "mask.png", "steps": 4}
    generate("a red cat", **said, out=tmp_path / "out.png", strength=0.5, mask_blur=0.0)
    with Image.open(tmp_path / "out.png") as drawn:
        assert drawn.size == (96, 72)
        assert "Denoising strength: 0.5" in drawn.info["parameters"]
        shown = ImageOps.fit(picture, (96, 72), Image.Resampling.LANCZOS)
        assert drawn.crop((48, 0, 96, 72)).tobytes() == shown.crop((48, 0, 96, 72)).tobytes()
        assert drawn.crop((0, 0, 32, 72)).tobytes() != shown.crop((0, 0, 32, 72)).tobytes()


def test_a_controlnet_steers_what_is_drawn(checkpoint, folder, tmp_path, capsys) -> None:
    network = save_control(tmp_path, checkpoint, 1).file
    Image.linear_gradient("L").resize((100, 75)).convert("RGB").save(tmp_path / "in.png")
    said = {"model": str(folder), "steps": 2, "seed": 1}
    generate("a cat", **said, size="96x72", out=tmp_path / "plain.png")
    generate("a cat", **said, control=[f"canny:{tmp_path / 'in.png'}:{network}:0.5"], out=tmp_path / "out.png")
    with Image.open(tmp_path / "out.png") as drawn, Image.open(tmp_path / "plain.png") as plain:
        assert drawn.size == (96, 72)
        assert 'ControlNet 0: "Module: canny, Model: control-1, Weight: 0.5' in drawn.info["parameters"]
        assert drawn.tobytes() != plain.tobytes()
    for text, field in (
        ("canny", "control"),
        (f"canny:{tmp_path / 'in.png'}:{tmp_path / 'nowhere'}", "control"),
        (f"depth:{tmp_path / 'in.png'}:{network}", "auto_hint"),
        (f"canny:{tmp_path / 'in.png'}:{network}:6", "controlnet_conditioning_scale"),
    ):
        with pytest.raises(InvalidRequest) as refusal:
            generate("a cat", **said, control=[text], out=tmp_path / "out.png")
        assert refusal.value.field == field


@pytest.mark.parametrize(("name", "asked", "format"), [("a.webp", {}, "WEBP"), ("b.jpg", {"format": "jpeg"}, "JPEG")])
def test_a_file_is_what_its_name_says(folder, tmp_path, name: str, asked, format: str) -> None:
    generate("a", model=str(folder), out=tmp_path / name, size="64x64", steps=1, **asked)
    with Image.open(tmp_path / name) as drawn:
        assert drawn.format == format


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"size": "big"}, "WIDTHxHEIGHT"),
        ({"width": 12}, "multiple of 8"),
        ({"steps": 100_000}, "steps must be"),
        ({"samples": 0}, "samples must be"),
        ({"model": "/no/such/folder"}, "is no file"),
        ({"out": Path("/no/such/folder/out.png")}, "There is no folder"),
        ({"out": Path("out.txt")}, "no name of a PNG, JPEG or WebP file"),
        ({"out": Path("out.png"), "format": "webp"}, "the name of a png file"),
        ({"image": Path("/no/such/picture.png")}, "cannot be read"),
        ({"mask": Path(__file__)}, "no picture that can be read"),
        ({"strength": 1.5}, "strength must be between 0 and 1"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence_and_no_file(folder, tmp_path, asked, said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        generate("a", **{"model": str(folder), "out": tmp_path / "out.png", **asked})
    assert not list(tmp_path.glob("*.png"))


def test_a_single_file_is_drawn_with_through_a_folder_made_once(tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setenv("EASEL_DATA", str(tmp_path / "data"))
    file = write_ldm(tmp_path / "mine.safetensors", as_ldm("sd2", make_networks("sd2")))
    words = write_vocabulary(tmp_path / "words")
    generate("a cat", model=str(file), tokenizer=words, out=tmp_path / "a.png", seed=3, size="64x64", steps=2)
    assert "--objective epsilon" in capsys.readouterr().err
    [folder] = (tmp_path / "data" / "models").iterdir()
    made = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    generate("a cat", model=str(file), out=tmp_path / "b.png", seed=3, size="64x64", steps=2)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == made
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as picture:
        assert "Model: mine" in picture.info["parameters"]


def test_an_embedding_a_vae_and_another_layer_are_drawn_with_and_written_into_the_file(
    folder, checkpoint, tmp_path, capsys
) -> None:
    width = CLIPTextConfig.from_pretrained(folder / "text_encoder").hidden_size
    save_file({"emb_params": torch.ones(1, width)}, tmp_path / "mystyle.safetensors")
    asked = {"model": str(folder), "seed": 7, "size": "64x64", "steps": 2}
    pictures: set[bytes] = set()
    for more, said in (
        ({}, "RNG: CPU, Version"),
        ({"embedding": [tmp_path / "mystyle.safetensors"]}, 'TI hashes: "mystyle: '),
        ({"vae": folder / "vae"}, "VAE: vae"),
        ({"clip_skip": 2}, "Clip skip: 2"),
        ({"free_u": True, "self_attention": 0.5}, "freeu_enabled: True, SAG Guidance Enabled: True"),
        ({"size": "72x64", "panorama": True}, "Panorama window: 64"),
    ):
        generate("a mystyle", out=tmp_path / "out.png", **{**asked, **more})
        with Image.open(tmp_path / "out.png") as picture:
            assert said in picture.info["parameters"]
            pictures.add(picture.tobytes())
    assert len(pictures) == 5, "the VAE is the checkpoint's own"
    for more in ({"vae": tmp_path / "no"}, {"embedding": [tmp_path / "no.safetensors"]}):
        with pytest.raises(InvalidRequest, match="There is no file"):
            generate("a", out=tmp_path / "out.png", **asked, **more)


def test_loras_are_drawn_with_and_written_into_the_file(folder, checkpoint, tmp_path, capsys) -> None:
    key = "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_v"
    tensors = {f"{key}.lora_A.weight": torch.ones(2, 64) / 8, f"{key}.lora_B.weight": torch.ones(64, 2) / 8}
    save_file(tensors, tmp_path / "style.safetensors")
    asked = {"model": str(folder), "seed": 7, "size": "64x64", "steps": 2}
    generate("a", out=tmp_path / "plain.png", **asked)
    generate("a", out=tmp_path / "out.png", lora=[f"{tmp_path / 'style.safetensors'}:0.5"], **asked)
    with Image.open(tmp_path / "out.png") as picture, Image.open(tmp_path / "plain.png") as plain:
        assert picture.tobytes() != plain.tobytes()
        assert picture.info["parameters"].startswith("a <lora:style:0.5>\n")
        assert 'Lora hashes: "style: ' in picture.info["parameters"]
    for lora, sentence in (
        (str(tmp_path / "no.safetensors"), "no file"),
        (f"{tmp_path}/style.safetensors:9", "-2 and 2"),
    ):
        with pytest.raises(InvalidRequest, match=sentence):
            generate("a", out=tmp_path / "out.png", lora=[lora], **asked)
