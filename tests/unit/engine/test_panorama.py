"""Panoramas: beside diffusers' pipeline, beside ordinary pictures, and in every way that an ordinary one is drawn."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from test_control import save_control
from test_families import parts_of

from easel.domain.panorama import seen, starts, windows
from easel.domain.sampling import Sampler
from easel.engine.engine import Engine
from easel.engine.events import Finished
from easel.engine.fake import FakeRunner
from easel.engine.request import Alteration, Control, PictureRequest
from easel.engine.trajectory import Trajectory

TOLERANCE = 1e-3
"""diffusers averages what float32 steps have made of the answers, window by window."""

WIDE = {"width": 128, "height": 64, "window": 64}
"""In pixels; 9 windows of 8 x 8 latents, one latent apart."""


class SmallWindows(diffusers.StableDiffusionPanoramaPipeline):
    """Whose windows are as large as the tiny networks' pictures, not 64 x 64 latents."""

    def get_views(self, *sizes: Any, **named: Any) -> Any:
        return super().get_views(*sizes, **{**named, "window_size": 8, "stride": 1})


@pytest.mark.parametrize("guidance", [1.0, 7.5])
@pytest.mark.parametrize(("width", "height"), [(128, 64), (96, 80)])
@pytest.mark.filterwarnings("ignore:__array:DeprecationWarning")
def test_it_is_that_of_diffusers(make_picture, draw, checkpoint, width: int, height: int, guidance: float) -> None:
    """They average latents that have stepped, we answers. A step of DDIM is keep * x + weight * answer, with numbers
    that all windows share, and where windows overlap they have the same x: the mean of steps is the step of the mean.
    """
    request = make_picture(
        checkpoint=checkpoint,
        guidance=guidance,
        negative_prompt="a dog",
        steps=4,
        width=width,
        height=height,
        window=64,
    )
    pipeline = SmallWindows(
        **parts_of(checkpoint.folder),
        scheduler=diffusers.DDIMScheduler.from_pretrained(checkpoint.folder / "scheduler"),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    expected = pipeline(
        request.prompt,
        negative_prompt=request.negative_prompt,
        width=width,
        height=height,
        num_inference_steps=request.steps,
        guidance_scale=guidance,
        generator=torch.Generator().manual_seed(request.seed),
        output_type="latent",
    ).images[0]
    runner, _ = draw(request)
    whole, _ = draw(replace(request, window=None))
    largest = float(expected.abs().max())
    assert float((runner.latents["a"] - expected).abs().max()) < TOLERANCE * largest
    assert float((whole.latents["a"] - expected).abs().max()) > 10 * TOLERANCE * largest


def test_windows_reach_every_edge_and_overlap() -> None:
    assert starts(64, 64) == starts(40, 64) == [0]
    assert starts(96, 64) == [0, 8, 16, 24, 32]
    assert starts(70, 64) == [0, 6]
    assert starts(9, 4) == [0, 1, 2, 3, 4, 5]
    for length in range(64, 300, 7):
        found = starts(length, 64)
        assert found[0] == 0
        assert found[-1] + 64 == length or length == 64
        assert all(0 < later - sooner <= 8 for sooner, later in pairwise(found))
    assert windows(2048, 512, 512) == 25
    assert windows(2048, 512, None) == 1
    assert seen(2048, 512, 512) == 25 * 512 * 512
    assert seen(256, 128, 512) == 256 * 128


def drawn(draw: Any, *requests: PictureRequest, deterministic: bool = True) -> dict[str, Finished]:
    _, ended = draw(*requests, deterministic=deterministic)
    assert all(isinstance(end, Finished) for end in ended.values()), ended
    return ended


def test_it_changes_no_neighbour_and_no_neighbour_it(make_picture, draw, checkpoint) -> None:
    plain = make_picture("plain", checkpoint=checkpoint, steps=2, width=128)
    wide = make_picture("wide", checkpoint=checkpoint, steps=2, **WIDE)
    alone = {request.id: drawn(draw, request)[request.id].image for request in (plain, wide)}
    together = drawn(draw, plain, wide, replace(wide, id="again"), deterministic=False)
    for id in ("plain", "wide"):
        assert np.abs(together[id].image.astype(int) - alone[id]).max() <= 2
    assert not np.array_equal(alone["plain"], alone["wide"])
    assert not together["wide"].notes


def test_what_one_window_holds_is_an_ordinary_picture_and_that_is_said(make_picture, draw, checkpoint) -> None:
    request = make_picture(checkpoint=checkpoint, steps=2)
    small = drawn(draw, replace(request, window=64))["a"]
    assert np.array_equal(small.image, drawn(draw, request)["a"].image)
    assert any("no panorama" in note for note in small.notes)


def test_each_window_reads_its_own_part_of_a_hint(make_picture, draw, checkpoint, tmp_path) -> None:
    network = save_control(tmp_path, checkpoint, 1)
    dark = np.zeros((64, 128, 3), dtype=np.float32)
    lit = dark.copy()
    lit[:, 120:] = 1
    request = make_picture(checkpoint=checkpoint, steps=1, guidance=1.0, **WIDE)
    found: list[torch.Tensor] = []
    for hint in (dark, lit):
        runner, _ = draw(replace(request, controls=(Control(network=network, hint=hint),)))
        found.append(runner.latents["a"])
    assert torch.equal(found[0][..., :4], found[1][..., :4])
    assert not torch.equal(found[0][..., 14:], found[1][..., 14:])


@pytest.mark.parametrize("sampler", [Sampler.EULER_ANCESTRAL, Sampler.UNIPC, Sampler.HEUN])
def test_it_goes_with_masks_and_self_attention_guidance(make_picture, draw, checkpoint, sampler: Sampler) -> None:
    mask = np.zeros((64, 128), dtype=np.uint8)
    mask[:, 64:] = 255
    request = make_picture(
        checkpoint=checkpoint,
        steps=3,
        sampler=sampler,
        init=np.full((64, 128, 3), 90, dtype=np.uint8),
        mask=mask,
        **WIDE,
    )
    plain, led = (
        drawn(draw, replace(request, alteration=Alteration(self_attention=scale)))["a"].image for scale in (0.0, 0.75)
    )
    assert (plain[:, :64] == 90).all()
    assert (led[:, :64] == 90).all()
    assert not np.array_equal(plain, led)


def test_its_work_is_that_of_its_windows(make_picture) -> None:
    plain, wide = (Trajectory(one, FakeRunner().plan(one)) for one in (make_picture(), make_picture(**WIDE)))
    assert (plain.rows, wide.rows) == (2, 18)
    assert wide.work == 9 * plain.work
    engine = Engine(FakeRunner(), deterministic=False)
    engine.add(make_picture("first", width=128))
    engine.add(make_picture("wide", **WIDE))
    engine.step()
    assert engine.why_waiting("wide") == "this tick draws pictures as a whole"
