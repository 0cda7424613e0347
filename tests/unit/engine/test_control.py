"""ControlNets: beside diffusers' own pipelines, beside pictures without any, and what is refused."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from diffusers import ControlNetModel, UNet2DConditionModel
from PIL import Image
from test_families import parts_of
from transformers import CLIPTextModelWithProjection, CLIPTokenizer

from easel.domain.errors import InvalidRequest
from easel.domain.sampling import Sampler
from easel.engine.engine import Engine
from easel.engine.events import Failed, Finished
from easel.engine.fake import FakeRunner
from easel.engine.request import Checkpoint, Control, Hint, PictureRequest, Pixels, WeightsFile
from easel.engine.runner import TorchRunner

TOLERANCE = 1e-4
SIDE = 64


def save_control(folder: Path, checkpoint: Checkpoint, seed: int, **settings: Any) -> WeightsFile:
    """A ControlNet of random weights for the checkpoint, whose residuals are large enough to be seen."""
    torch.manual_seed(seed)
    unet = UNet2DConditionModel.from_pretrained(checkpoint.folder / "unet")
    network = ControlNetModel.from_unet(
        unet, conditioning_embedding_out_channels=(16, 16, 16, 16), load_weights_from_unet=False
    )
    network.register_to_config(**settings)
    with torch.no_grad():
        for block in (*network.controlnet_down_blocks, network.controlnet_mid_block):
            block.weight.normal_(std=0.3)
        # As they come, nine small convolutions leave next to nothing of a hint.
        for name, weight in network.controlnet_cond_embedding.named_parameters():
            if name.endswith("weight"):
                torch.nn.init.kaiming_normal_(weight)
    network.save_pretrained(folder / f"control-{seed}")
    return WeightsFile(name=f"control-{seed}", file=folder / f"control-{seed}")


@pytest.fixture(scope="module")
def control(checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> WeightsFile:
    return save_control(tmp_path_factory.mktemp("controls"), checkpoint, 1)


@pytest.fixture(scope="module")
def another(checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> WeightsFile:
    return save_control(tmp_path_factory.mktemp("controls"), checkpoint, 2)


@pytest.fixture(scope="module")
def picture() -> Pixels:
    across, down = np.meshgrid(np.linspace(0, 255, SIDE), np.linspace(255, 0, SIDE))
    return np.stack([across, down, (across + down) / 2], axis=2).astype(np.uint8)


@pytest.fixture(scope="module")
def mask() -> Pixels:
    white = np.zeros((SIDE, SIDE), dtype=np.uint8)
    white[16:48, 24:56] = 255
    return white


@pytest.fixture(scope="module")
def lines() -> Pixels:
    """A hint: white lines on black."""
    hint = np.zeros((SIDE, SIDE, 3), dtype=np.uint8)
    hint[20:24], hint[:, 40:43] = 255, 255
    return hint


def shares(pixels: Pixels) -> Hint:
    return pixels.astype(np.float32) / 255


def pipeline_of(checkpoint: Checkpoint, kind: str, scheduler: Any, controls: list[WeightsFile]) -> Any:
    networks = [ControlNetModel.from_pretrained(one.file) for one in controls]
    parts = {
        **parts_of(checkpoint.folder),
        "scheduler": scheduler.from_pretrained(checkpoint.folder / "scheduler"),
        "controlnet": networks if len(networks) > 1 else networks[0],
    }
    if checkpoint.family == "sdxl":
        parts["text_encoder_2"] = CLIPTextModelWithProjection.from_pretrained(checkpoint.folder / "text_encoder_2")
        parts["tokenizer_2"] = CLIPTokenizer.from_pretrained(checkpoint.folder / "tokenizer_2")
        parts["add_watermarker"] = False
    else:
        parts |= {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    pipeline = getattr(diffusers, f"StableDiffusion{'XL' if checkpoint.family == 'sdxl' else ''}ControlNet{kind}")(
        **parts
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def latents_of(request: PictureRequest, scheduler: Any, hints: list[Pixels]) -> torch.Tensor:
    """By diffusers."""
    said = request.controls
    kind = "Pipeline" if request.init is None else "Img2ImgPipeline" if request.mask is None else "InpaintPipeline"
    pipeline = pipeline_of(request.checkpoint, kind, scheduler, [one.network for one in said])

    def each(values: list[Any]) -> Any:
        return values if len(values) > 1 else values[0]

    pictures = each([Image.fromarray(hint) for hint in hints])
    asked: dict[str, Any] = {"image": pictures}
    if request.init is not None:
        asked = {"image": Image.fromarray(request.init), "control_image": pictures, "strength": request.strength}
    if request.mask is not None:
        asked["mask_image"] = Image.fromarray(request.mask)
    return pipeline(
        request.prompt,
        width=request.width,
        height=request.height,
        num_inference_steps=request.steps,
        guidance_scale=request.guidance,
        generator=torch.Generator().manual_seed(request.seed),
        controlnet_conditioning_scale=each([one.scale for one in said]),
        control_guidance_start=each([one.start for one in said]),
        control_guidance_end=each([one.end for one in said]),
        guess_mode=said[0].guess,
        output_type="latent",
        **asked,
    ).images[0]


def assert_same(mine: torch.Tensor, other: torch.Tensor) -> None:
    assert float((mine - other).abs().max()) < TOLERANCE * max(1.0, float(other.abs().max()))


RUNS = [
    ("sd2", "v_prediction", Sampler.DDIM, diffusers.DDIMScheduler),
    ("sd1", "epsilon", Sampler.UNIPC, diffusers.UniPCMultistepScheduler),
    ("sdxl", "epsilon", Sampler.EULER, diffusers.EulerDiscreteScheduler),
]


@pytest.mark.parametrize(("family", "prediction", "sampler", "scheduler"), RUNS)
@pytest.mark.parametrize("task", ["text2img", "img2img", "inpaint"])
@pytest.mark.filterwarnings("ignore:__array:DeprecationWarning")
def test_a_whole_run_is_that_of_diffusers_own_pipeline(
    make_picture,
    make_checkpoint,
    draw,
    tmp_path,
    picture,
    mask,
    lines,
    family,
    prediction,
    sampler,
    scheduler,
    task,
) -> None:
    checkpoint = make_checkpoint(family, prediction)
    network = save_control(tmp_path, checkpoint, 1)
    source = {"text2img": {}, "img2img": {"init": picture}, "inpaint": {"init": picture, "mask": mask}}[task]
    request = make_picture(
        checkpoint=checkpoint,
        sampler=sampler,
        steps=5,
        seed=42,
        guidance=3.0,
        controls=(Control(network=network, hint=shares(lines), scale=0.8),),
        **source,
    )
    runner, ended = draw(request)
    assert isinstance(ended["a"], Finished), ended
    assert_same(runner.latents["a"], latents_of(request, scheduler, [lines]))


@pytest.mark.parametrize("guidance", [1.0, 4.0])
@pytest.mark.parametrize(
    "said",
    [
        {"guess": True},
        {"start": 0.3, "end": 0.7},
        {"scale": 0.0},
        {"global_pool_conditions": True},
    ],
)
def test_guess_mode_windows_and_pooling_are_diffusers_as_well(
    make_picture, draw, checkpoint, tmp_path, lines, guidance, said
) -> None:
    settings = {name: value for name, value in said.items() if name == "global_pool_conditions"}
    network = save_control(tmp_path, checkpoint, 3, **settings)
    rest = {name: value for name, value in said.items() if name not in settings}
    control = Control(network=network, hint=shares(lines), **rest)
    request = make_picture(checkpoint=checkpoint, steps=6, guidance=guidance, controls=(control,))
    runner, _ = draw(request)
    assert_same(runner.latents["a"], latents_of(request, diffusers.DDIMScheduler, [lines]))


def test_another_hint_gives_another_picture(make_picture, draw, checkpoint, control, lines) -> None:
    blank = np.zeros_like(lines)
    runner, _ = draw(
        *(
            make_picture(id, checkpoint=checkpoint, controls=(Control(network=control, hint=shares(hint)),))
            for id, hint in (("lines", lines), ("blank", blank))
        )
    )
    assert float((runner.latents["lines"] - runner.latents["blank"]).abs().max()) > 0.01


def test_several_at_once_are_diffusers_as_well(make_picture, draw, checkpoint, control, another, lines) -> None:
    turned = np.ascontiguousarray(lines.transpose(1, 0, 2))
    controls = (
        Control(network=control, hint=shares(lines), scale=0.6, end=0.8),
        Control(network=another, hint=shares(turned), scale=1.1, start=0.2),
    )
    request = make_picture(checkpoint=checkpoint, steps=5, controls=controls)
    runner, _ = draw(request)
    assert_same(runner.latents["a"], latents_of(request, diffusers.DDIMScheduler, [lines, turned]))


@pytest.fixture
def crowd(make_picture, checkpoint, control, another, lines) -> Callable[[], list[PictureRequest]]:
    """Pictures of one kind: without a ControlNet, with this, with that, with both, and in guess mode."""

    def requests() -> list[PictureRequest]:
        one, other = (Control(network=network, hint=shares(lines)) for network in (control, another))
        mixes = [(), (one,), (other,), (replace(one, scale=0.5), other), (replace(one, guess=True),)]
        return [
            make_picture(str(number), checkpoint=checkpoint, seed=number, controls=mix, steps=3 + number)
            for number, mix in enumerate(mixes)
        ]

    return requests


@pytest.mark.parametrize("deterministic", [True, False])
def test_steered_and_other_pictures_share_calls_and_each_is_its_own(draw, crowd, deterministic: bool) -> None:
    """Bit for bit where each has its own calls; otherwise another row count changes a kernel's last bits."""
    together, ended = draw(*crowd(), deterministic=deterministic)
    assert all(isinstance(end, Finished) for end in ended.values()), ended
    if not deterministic:
        assert together.calls < sum(request.steps for request in crowd())
    for request in crowd():
        alone, _ = draw(request)
        if deterministic:
            assert torch.equal(together.latents[request.id], alone.latents[request.id])
        else:
            assert_same(together.latents[request.id], alone.latents[request.id])


@pytest.mark.parametrize("backend", ["recorded", "openvino"])
def test_every_backend_takes_them(make_picture, drain, checkpoint, control, lines, caplog, backend: str) -> None:
    steered = Control(network=control, hint=shares(lines))

    def image(backend: str) -> Any:
        try:
            engine = Engine(TorchRunner("cpu", backend=backend))
        except ImportError as missing:
            pytest.skip(str(missing))
        engine.add(make_picture(checkpoint=checkpoint, steps=2, controls=(steered,)))
        return drain(engine)["a"].image.astype(int)

    assert np.abs(image(backend) - image("eager")).max() <= (0 if backend == "recorded" else 2)
    assert not caplog.records, "it is called by the backend, not by what stands in for it"


def test_more_networks_than_there_is_room_for_take_turns(drain, crowd) -> None:
    engine = Engine(TorchRunner("cpu", control_bytes=1))
    for request in crowd():
        engine.add(request)
    assert all(isinstance(end, Finished) for end in drain(engine).values())


def test_one_of_another_checkpoint_is_refused_and_harms_nobody(
    make_picture, make_checkpoint, draw, checkpoint, control, lines
) -> None:
    stranger = make_checkpoint("sdxl")
    steered = Control(network=control, hint=shares(lines))
    _, ended = draw(
        make_picture("misfit", checkpoint=stranger, controls=(steered,)), make_picture("plain", checkpoint=stranger)
    )
    assert isinstance(ended["plain"], Finished)
    assert isinstance(ended["misfit"], Failed)
    assert "ControlNet control-1: it was made for another kind of checkpoint than tiny-sdxl" in ended["misfit"].error


@pytest.mark.parametrize("what", ["nowhere", "a checkpoint's part", "damaged"])
def test_what_is_no_controlnet_is_refused_with_a_sentence(
    make_picture, draw, checkpoint, tmp_path, lines, what: str
) -> None:
    folder = tmp_path / "none" if what == "nowhere" else checkpoint.folder / "unet"
    if what == "damaged":
        folder = save_control(tmp_path, checkpoint, 4).file
        weights = folder / "diffusion_pytorch_model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-100])
    steered = Control(network=WeightsFile(name="odd", file=folder), hint=shares(lines))
    _, ended = draw(make_picture(checkpoint=checkpoint, controls=(steered,)))
    assert isinstance(ended["a"], Failed)
    assert ended["a"].error.startswith("ControlNet odd: ")


@pytest.mark.parametrize(
    ("field", "asked"),
    [
        ("control_image", {"hint": np.zeros((SIDE, 32, 3), dtype=np.float32)}),
        ("controlnet_conditioning_scale", {"scale": -1.0}),
        ("controlnet_conditioning_scale", {"scale": float("nan")}),
        ("control_guidance_start", {"start": 0.8, "end": 0.2}),
        ("control_guidance_start", {"end": float("nan")}),
    ],
)
def test_what_makes_no_sense_is_refused_by_field(make_picture, control, field: str, asked: dict[str, Any]) -> None:
    said = {"hint": np.zeros((SIDE, SIDE, 3), dtype=np.float32), **asked}
    with pytest.raises(InvalidRequest) as refusal:
        Engine(FakeRunner()).add(make_picture(controls=(Control(network=control, **said),)))
    assert refusal.value.field == field
