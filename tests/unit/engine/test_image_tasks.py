"""Pictures from pictures: beside diffusers' own pipelines, and beside each other in one engine."""

import json
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from test_families import parts_of
from transformers import CLIPTextModelWithProjection, CLIPTokenizer

from easel.domain.errors import InvalidRequest
from easel.domain.sampling import Sampler
from easel.engine.engine import Engine
from easel.engine.events import Finished
from easel.engine.fake import FakeRunner
from easel.engine.request import Checkpoint, PictureRequest, Pixels

TOLERANCE = 1e-4
"""Same weights, same float32 kernels: what is left are the coefficients' last bits, float32 in diffusers."""

SIDE = 64


@pytest.fixture(scope="module")
def picture() -> Pixels:
    """Smooth and full of colour."""
    across, down = np.meshgrid(np.linspace(0, 255, SIDE), np.linspace(255, 0, SIDE))
    return np.stack([across, down, (across + down) / 2], axis=2).astype(np.uint8)


@pytest.fixture(scope="module")
def mask() -> Pixels:
    """A square of whole latents, so that every way of making it small is the same."""
    white = np.zeros((SIDE, SIDE), dtype=np.uint8)
    white[16:48, 24:56] = 255
    return white


@pytest.fixture(scope="module")
def inpainter(make_checkpoint: Callable[..., Checkpoint]) -> Checkpoint:
    """Stable Diffusion 2 with a network that reads a mask."""
    return reading_masks(make_checkpoint("sd2", "epsilon"))


@pytest.fixture(scope="module")
def large_inpainter(make_checkpoint: Callable[..., Checkpoint]) -> Checkpoint:
    return reading_masks(make_checkpoint("sdxl", "epsilon"))


def reading_masks(plain: Checkpoint) -> Checkpoint:
    """Its network in place of one of nine channels."""
    config = json.loads((plain.folder / "unet" / "config.json").read_text())
    torch.manual_seed(1)
    with warnings.catch_warnings(action="ignore"):
        unet = diffusers.UNet2DConditionModel.from_config({**config, "in_channels": 9})
    unet.save_pretrained(plain.folder / "unet")
    return replace(plain, name="tiny-inpainter")


def pipeline_of(folder: Path, kind: str, scheduler: Any) -> Any:
    parts = {**parts_of(folder), "scheduler": scheduler}
    if "XL" in kind:
        parts["text_encoder_2"] = CLIPTextModelWithProjection.from_pretrained(folder / "text_encoder_2")
        parts["tokenizer_2"] = CLIPTokenizer.from_pretrained(folder / "tokenizer_2")
        parts["add_watermarker"] = False
    else:
        parts |= {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    pipeline = getattr(diffusers, kind)(**parts)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def latents_of(pipeline: Any, request: PictureRequest) -> torch.Tensor:
    assert request.init is not None
    asked = {} if request.mask is None else {"mask_image": Image.fromarray(request.mask), "width": SIDE, "height": SIDE}
    return pipeline(
        request.prompt,
        image=Image.fromarray(request.init),
        strength=request.strength,
        num_inference_steps=request.steps,
        guidance_scale=request.guidance,
        generator=torch.Generator().manual_seed(request.seed),
        output_type="latent",
        **asked,
    ).images[0]


def assert_same(mine: torch.Tensor, other: torch.Tensor) -> None:
    assert float((mine - other).abs().max()) < TOLERANCE * max(1.0, float(other.abs().max()))


RUNS = [
    ("sd2", "v_prediction", Sampler.DDIM, diffusers.DDIMScheduler, ""),
    ("sd2", "v_prediction", Sampler.EULER_ANCESTRAL, diffusers.EulerAncestralDiscreteScheduler, ""),
    ("sd2", "epsilon", Sampler.HEUN, diffusers.HeunDiscreteScheduler, ""),
    ("sd1", "epsilon", Sampler.UNIPC, diffusers.UniPCMultistepScheduler, ""),
    ("sdxl", "epsilon", Sampler.EULER, diffusers.EulerDiscreteScheduler, "XL"),
    ("sdxl", "epsilon", Sampler.DPMPP_2M, diffusers.DPMSolverMultistepScheduler, "XL"),
]


@pytest.mark.parametrize(("family", "prediction", "sampler", "scheduler", "size"), RUNS)
@pytest.mark.parametrize("strength", [0.4, 0.9])
@pytest.mark.filterwarnings("ignore:__array:DeprecationWarning")
def test_image_to_image_is_diffusers(
    make_picture, make_checkpoint, draw, picture, family, prediction, sampler, scheduler, size, strength
) -> None:
    checkpoint = make_checkpoint(family, prediction)
    request = make_picture(
        checkpoint=checkpoint, sampler=sampler, steps=8, seed=42, init=picture, strength=strength, guidance=3.0
    )
    runner, ended = draw(request)
    assert isinstance(ended["a"], Finished)
    kind = f"StableDiffusion{size}Img2ImgPipeline"
    reference = pipeline_of(checkpoint.folder, kind, scheduler.from_pretrained(checkpoint.folder / "scheduler"))
    assert_same(runner.latents["a"], latents_of(reference, request))


@pytest.mark.parametrize(("family", "prediction", "sampler", "scheduler", "size"), RUNS)
@pytest.mark.parametrize("strength", [0.6, 1.0])
@pytest.mark.filterwarnings("ignore:__array:DeprecationWarning")
def test_inpainting_with_an_ordinary_network_is_diffusers(
    make_picture, make_checkpoint, draw, picture, mask, family, prediction, sampler, scheduler, size, strength
) -> None:
    checkpoint = make_checkpoint(family, prediction)
    request = make_picture(
        checkpoint=checkpoint, sampler=sampler, steps=6, seed=42, init=picture, mask=mask, strength=strength
    )
    runner, _ = draw(request)
    kind = f"StableDiffusion{size}InpaintPipeline"
    reference = pipeline_of(checkpoint.folder, kind, scheduler.from_pretrained(checkpoint.folder / "scheduler"))
    assert_same(runner.latents["a"], latents_of(reference, request))


@pytest.mark.parametrize("strength", [0.6, 1.0])
@pytest.mark.filterwarnings("ignore:__array:DeprecationWarning")
def test_inpainting_with_a_network_that_reads_a_mask_is_diffusers(
    make_picture, draw, picture, mask, inpainter, strength
) -> None:
    assert_inpaints_as_diffusers(make_picture, draw, picture, mask, inpainter, strength, "")


@pytest.mark.parametrize("strength", [0.6, 0.99])
@pytest.mark.filterwarnings("ignore:__array:DeprecationWarning")
def test_so_is_a_large_one(make_picture, draw, picture, mask, large_inpainter, strength) -> None:
    assert_inpaints_as_diffusers(make_picture, draw, picture, mask, large_inpainter, strength, "XL")


def assert_inpaints_as_diffusers(make_picture, draw, picture, mask, checkpoint, strength, size) -> None:
    request = make_picture(
        checkpoint=checkpoint, sampler=Sampler.EULER, steps=6, seed=42, init=picture, mask=mask, strength=strength
    )
    runner, _ = draw(request)
    scheduler = diffusers.EulerDiscreteScheduler.from_pretrained(checkpoint.folder / "scheduler")
    reference = pipeline_of(checkpoint.folder, f"StableDiffusion{size}InpaintPipeline", scheduler)
    assert_same(runner.latents["a"], latents_of(reference, request))


def test_an_inpainting_network_draws_without_a_mask_as_with_an_all_white_one(
    make_picture, draw, picture, inpainter
) -> None:
    everything = np.full((SIDE, SIDE), 255, dtype=np.uint8)
    text = make_picture("text", checkpoint=inpainter)
    image = make_picture("image", checkpoint=inpainter, init=picture, strength=0.5)
    runner, ended = draw(text, image, replace(image, id="white", mask=everything))
    assert all(isinstance(end, Finished) for end in ended.values())
    assert torch.equal(runner.latents["image"], runner.latents["white"])
    assert not torch.equal(runner.latents["text"], runner.latents["image"])


@pytest.mark.parametrize("reads_mask", [False, True])
@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_what_is_black_in_the_mask_is_the_inputs_pixels(
    make_picture, draw, checkpoint, inpainter, picture, reads_mask: bool, strength: float
) -> None:
    """Bit for bit, with a soft edge that does not stand on whole latents."""
    soft = np.zeros((SIDE, SIDE), dtype=np.uint8)
    soft[10:50, 21:45] = 90
    soft[13:47, 25:41] = 255
    which = inpainter if reads_mask else checkpoint
    _, ended = draw(make_picture(checkpoint=which, init=picture, mask=soft, strength=strength))
    drawn = ended["a"].image
    assert np.array_equal(drawn[soft == 0], picture[soft == 0])
    assert not np.array_equal(drawn[soft == 255], picture[soft == 255])


def test_a_strength_of_one_forgets_the_picture_bit_for_bit(make_picture, draw, checkpoint, picture) -> None:
    text = make_picture("text", checkpoint=checkpoint)
    runner, _ = draw(text, replace(text, id="image", init=picture, strength=1.0))
    assert torch.equal(runner.latents["text"], runner.latents["image"])


def test_the_least_strength_takes_one_step_and_says_so(make_picture, draw, checkpoint, picture) -> None:
    runner, ended = draw(make_picture(checkpoint=checkpoint, init=picture, strength=0.0, steps=20))
    assert runner.calls == 1
    assert any("one was taken" in note for note in ended["a"].notes)


def test_less_strength_leaves_more_of_the_picture(make_picture, draw, checkpoint, picture) -> None:
    """Through the autoencoder alone, which random weights make no good one, the picture is not what it was."""
    plain = make_picture(checkpoint=checkpoint, init=picture, guidance=1.0, steps=20)
    strengths = (0.05, 0.3, 0.6, 0.95)
    runner, _ = draw(*(replace(plain, id=str(strength), strength=strength) for strength in strengths))
    nearest = runner.latents["0.05"]
    away = [float((runner.latents[str(strength)] - nearest).abs().mean()) for strength in strengths]
    assert away == sorted(away)


@pytest.fixture
def runner(watch: Callable[[], Any]) -> Any:
    return watch()


TASKS = st.fixed_dictionaries(
    {
        "task": st.sampled_from(["text", "image", "inpaint"]),
        "sampler": st.sampled_from([Sampler.DDIM, Sampler.EULER_ANCESTRAL, Sampler.HEUN, Sampler.UNIPC]),
        "strength": st.sampled_from([0.2, 0.5, 1.0]),
        "guidance": st.sampled_from([1.0, 4.0]),
        "steps": st.integers(1, 4),
        "seed": st.integers(0, 3),
        "joins": st.integers(0, 4),
    }
)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(TASKS, min_size=2, max_size=4), st.booleans(), st.booleans())
def test_all_tasks_share_an_engine_and_each_picture_is_its_own(
    make_picture, runner, drain, checkpoint, inpainter, picture, mask, asked, deterministic, reads_mask
) -> None:
    """Bit for bit where each has its own calls; otherwise another row count changes a kernel's last bits."""
    requests: list[tuple[int, PictureRequest]] = []
    for number, one in enumerate(asked):
        source = {"text": {}, "image": {"init": picture}, "inpaint": {"init": picture, "mask": mask}}[one["task"]]
        said = {name: value for name, value in one.items() if name not in ("task", "joins")}
        which = inpainter if reads_mask else checkpoint
        requests.append((one["joins"], make_picture(str(number), checkpoint=which, **said, **source)))
    together = run(runner, drain, requests, deterministic=deterministic)
    for _, request in requests:
        alone = run(runner, drain, [(0, request)], deterministic=True)
        if deterministic:
            assert torch.equal(together[request.id], alone[request.id])
        else:
            assert_same(together[request.id], alone[request.id])


def run(runner: Any, drain: Any, arrivals: list[tuple[int, PictureRequest]], *, deterministic: bool) -> dict[str, Any]:
    """Last latents by id. Each request comes after so many ticks."""
    engine = Engine(runner, max_rows=64, deterministic=deterministic)
    for tick in range(5):
        for joins, request in arrivals:
            if joins == tick:
                engine.add(request)
        engine.step()
    drain(engine)
    return dict(runner.latents)


@pytest.mark.parametrize(
    ("field", "asked"),
    [
        ("strength", {"strength": -0.1}),
        ("strength", {"strength": 1.1}),
        ("strength", {"strength": float("nan")}),
        ("mask_image", {"mask": np.zeros((SIDE, SIDE), dtype=np.uint8)}),
        ("init_image", {"init": np.zeros((SIDE, 72, 3), dtype=np.uint8)}),
        ("init_image", {"init": np.zeros((SIDE, SIDE), dtype=np.uint8)}),
        (
            "mask_image",
            {"init": np.zeros((SIDE, SIDE, 3), dtype=np.uint8), "mask": np.zeros((SIDE, 32), dtype=np.uint8)},
        ),
    ],
)
def test_what_makes_no_sense_is_refused_by_field(make_picture, field: str, asked: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        Engine(FakeRunner()).add(make_picture(**asked))
    assert refusal.value.field == field
