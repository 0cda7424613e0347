"""Networks of an operator's own, from their folders to what customers have of them: a ControlNet, a checker."""

import base64
import io
import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import ControlNetModel, UNet2DConditionModel
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from PIL import Image, ImageDraw
from transformers import CLIPConfig

from easel.catalogue.weights import weights_folder

ASKED = {"prompt": "a red ring", "seed": 7, "num_inference_steps": 6, "width": 128, "height": 128}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ControlNet of random weights, of the shape of the starter's first half."""
    torch.manual_seed(1)
    unet = UNet2DConditionModel.from_pretrained(weights_folder("package:easel-starter") / "unet")
    network = ControlNetModel.from_unet(
        unet, conditioning_embedding_out_channels=(8, 8, 8, 8, 8), load_weights_from_unet=False
    )
    with torch.no_grad():
        for block in (*network.controlnet_down_blocks, network.controlnet_mid_block):
            block.weight.normal_(std=0.5)
        # As they come, nine small convolutions leave next to nothing of a hint.
        for name, weight in network.controlnet_cond_embedding.named_parameters():
            if name.endswith("weight"):
                torch.nn.init.kaiming_normal_(weight)
    folder = tmp_path_factory.mktemp("weights") / "control"
    network.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def server(
    start_server: Callable[..., Any], new_data_folder: Callable[[], Path], tmp_path_factory: pytest.TempPathFactory
) -> Any:
    """Its workers have a safety checker, of random weights, that flags everything."""
    small = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    vision = small | {"image_size": 32, "patch_size": 16}
    network = StableDiffusionSafetyChecker(CLIPConfig(text_config=small, vision_config=vision, projection_dim=8))
    torch.nn.init.constant_(network.concept_embeds_weights, -2.0)
    folder = tmp_path_factory.mktemp("weights") / "checker"
    network.save_pretrained(folder / "safety_checker")
    return start_server(new_data_folder(), EASEL_SAFETY_CHECKER=str(folder))


@pytest.fixture(scope="module")
def drawing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    picture = Image.new("RGB", (128, 128), "white")
    ImageDraw.Draw(picture).rectangle((30, 40, 90, 100), fill="black")
    path = tmp_path_factory.mktemp("pictures") / "drawing.png"
    picture.save(path)
    return path


def easel(*words: str, data: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "easel", *words],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"EASEL_DATA": str(data)},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def picture_of(data: bytes) -> tuple[Any, str]:
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture.convert("RGB")).astype(int), str(picture.info["parameters"])


def test_it_is_installed_and_steers_what_is_drawn(server: Any, folder: Path, drawing: Path, tmp_path: Path) -> None:
    said = easel(
        "models",
        "install",
        "my-canny",
        "--kind",
        "controlnet",
        "--family",
        "sd2",
        "--from",
        str(folder),
        data=server.data,
    )
    assert said.startswith("my-canny is installed")

    def draw(path: str, **asked: Any) -> tuple[Any, str, dict[str, Any]]:
        status, answer = server.post(path, **ASKED | {"instant_response": "no"} | asked)
        assert status == 200, answer
        answer = server.wait(answer)
        with urllib.request.urlopen(answer["output"][0], timeout=60) as file:
            return *picture_of(file.read()), answer

    sent = base64.b64encode(drawing.read_bytes()).decode()
    control = {"controlnet_model": "my-canny", "init_image": sent}
    plain, _, _ = draw("/api/v6/images/text2img")
    steered, parameters, answer = draw("/api/v6/images/controlnet", **control, controlnet_conditioning_scale=0.8)
    assert 'ControlNet 0: "Module: canny, Model: my-canny [' in parameters
    assert answer["meta"]["controlnet_conditioning_scale"] == "0.8"
    assert np.abs(steered - plain).mean() > 2, "the hint changes the picture"
    without, _, _ = draw("/api/v5/controlnet", **control, controlnet_conditioning_scale=0)
    assert np.array_equal(without, plain), "at a scale of nothing it is the plain picture, bit for bit"
    begun, _, _ = draw("/api/v6/images/controlnet", **control, control_image=sent, strength=0.5)
    assert np.abs(begun - steered).mean() > 2

    out = tmp_path / "out.png"
    easel(
        *("generate", ASKED["prompt"], "--seed", "7", "--steps", "6", "--size", "128x128", "-o", str(out)),
        *("--control", f"canny:{drawing}:{folder}:0.8"),
        data=server.data,
    )
    assert np.array_equal(picture_of(out.read_bytes())[0], steered), "the command line draws the very same"


def test_a_picture_is_checked_apart_from_drawing(server: Any, drawing: Path) -> None:
    picture = base64.b64encode(drawing.read_bytes()).decode()
    for threshold, flagged in ((0.5, True), (1, False)):
        status, answer = server.post("/api/v3/nsfw_image_check", init_image=picture, threshold=threshold)
        assert (status, answer.get("has_nsfw_concept")) == (200, [flagged]), answer
        with urllib.request.urlopen(answer["images"], timeout=60) as file, Image.open(file) as shown:
            assert shown.size == (128, 128)
