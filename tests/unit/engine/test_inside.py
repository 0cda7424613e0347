"""What is done inside the network: beside the papers' own words, beside diffusers, and beside other pictures."""

import shutil
from dataclasses import replace
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from test_families import TOLERANCE, parts_of, stable_diffusion, stable_diffusion_xl

from easel.domain.sampling import Sampler
from easel.engine.engine import Engine
from easel.engine.events import Finished
from easel.engine.fake import FakeRunner
from easel.engine.inside.alteration import FREE_U
from easel.engine.inside.merging import Merged
from easel.engine.request import Alteration, PictureRequest, SecondPass
from easel.engine.runner import TorchRunner

MERGING = Alteration(token_merging=0.5)
FREELY = Alteration(free_u=True)
LARGE = {"width": 520, "height": 520}
"""In pixels: 65 x 65 latents."""


def merged_by_hand(tokens: torch.Tensor, merged: Merged, count: int) -> tuple[list[int], dict[int, torch.Tensor]]:
    """The sources that leave, and what each destination becomes: algorithm 1 of the paper, pair by pair."""
    targets = merged.destinations.tolist()
    found: list[tuple[float, int, int]] = []
    for source in (place for place in range(len(tokens)) if place not in targets):
        alike = [float(torch.cosine_similarity(tokens[source], tokens[target], dim=0)) for target in targets]
        best = max(range(len(targets)), key=alike.__getitem__)
        found.append((alike[best], source, targets[best]))
    leaving = sorted(found, reverse=True)[:count]
    means = {
        target: torch.stack([tokens[target], *(tokens[source] for _, source, into in leaving if into == target)]).mean(
            0
        )
        for target in targets
    }
    return sorted(source for _, source, _ in leaving), means


@pytest.mark.parametrize("grid", [(4, 6), (5, 7)])
@pytest.mark.parametrize("share", [0.3, 0.5, 1.0])
def test_tokens_are_merged_as_the_paper_says(grid: tuple[int, int], share: float) -> None:
    tokens = torch.randn((2, grid[0] * grid[1], 8), generator=torch.Generator().manual_seed(3))
    merged = Merged.of(tokens, share, grid)
    squares = {(place // grid[1] // 2, place % grid[1] // 2) for place in merged.destinations.tolist()}
    assert len(squares) == len(merged.destinations) == (grid[0] // 2) * (grid[1] // 2)
    count = min(len(merged.sources), int(tokens.shape[1] * share))
    assert merged.tokens.shape[1] == tokens.shape[1] - count
    spread = merged.spread(merged.tokens)
    for row in range(2):
        leaving, means = merged_by_hand(tokens[row], merged, count)
        assert sorted(merged.sources[merged.leaving[row]].tolist()) == leaving
        for target, mean in means.items():
            assert torch.allclose(spread[row, target], mean, atol=1e-6)
        stays = [place for place in merged.sources.tolist() if place not in leaving]
        assert torch.equal(spread[row, stays], tokens[row, stays])
        into = merged.destinations[merged.into[row]]
        assert torch.equal(spread[row, merged.sources[merged.leaving[row]]], spread[row, into])


def latents(draw: Any, *requests: PictureRequest, deterministic: bool = True) -> list[torch.Tensor]:
    runner, ended = draw(*requests, deterministic=deterministic)
    assert all(isinstance(end, Finished) for end in ended.values()), ended
    return [runner.latents[request.id] for request in requests]


def by_diffusers(pipeline: Any, request: PictureRequest, **further: Any) -> torch.Tensor:
    pipeline.set_progress_bar_config(disable=True)
    return pipeline(
        request.prompt,
        negative_prompt=request.negative_prompt or None,
        width=request.width,
        height=request.height,
        num_inference_steps=request.steps,
        guidance_scale=request.guidance,
        generator=torch.Generator().manual_seed(request.seed),
        output_type="latent",
        **further,
    ).images[0]


@pytest.mark.parametrize("family", ["sd2", "sdxl"])
def test_merging_changes_a_large_picture_a_little_and_no_neighbour(make_picture, make_checkpoint, draw, family) -> None:
    plain = make_picture("plain", checkpoint=make_checkpoint(family), steps=1, guidance=1.0, **LARGE)
    asked = replace(plain, id="asked", alteration=MERGING)
    (alone,) = latents(draw, plain)
    (merged,) = latents(draw, asked)
    beside, besides = latents(draw, plain, asked, deterministic=False)
    assert torch.equal(beside, alone)
    assert torch.equal(besides, merged)
    assert 0 < float((merged - alone).abs().mean()) < 0.2 * float(alone.abs().mean())


def test_a_picture_too_small_to_gain_is_drawn_as_ever_and_that_is_said(make_picture, draw, checkpoint) -> None:
    request = make_picture(checkpoint=checkpoint)
    (plain,) = latents(draw, request)
    runner, ended = draw(replace(request, alteration=MERGING))
    assert torch.equal(runner.latents["a"], plain)
    assert any("too small to gain" in note for note in ended["a"].notes)
    first = replace(request, alteration=MERGING, steps=1, again=SecondPass(steps=1, strength=1.0, **LARGE))
    assert draw(first)[1]["a"].notes == ()


@pytest.mark.parametrize(
    ("family", "pipeline", "scheduler", "sampler"),
    [
        ("sd1", stable_diffusion, diffusers.PNDMScheduler, Sampler.PNDM),
        ("sd2", stable_diffusion, diffusers.DDIMScheduler, Sampler.DDIM),
        ("sdxl", stable_diffusion_xl, diffusers.EulerDiscreteScheduler, Sampler.EULER),
    ],
)
@pytest.mark.filterwarnings("ignore:__array:DeprecationWarning")
def test_free_u_is_that_of_diffusers(make_picture, make_checkpoint, draw, family, pipeline, scheduler, sampler) -> None:
    request = make_picture(checkpoint=make_checkpoint(family), sampler=sampler, alteration=FREELY)
    plain, found = latents(draw, replace(request, id="plain", alteration=Alteration()), request)
    folder = request.checkpoint.folder
    reference = pipeline(folder, scheduler.from_pretrained(folder / "scheduler"))
    reference.enable_freeu(**FREE_U[family])
    expected = by_diffusers(reference, request)
    largest = float(expected.abs().max())
    assert float((found - expected).abs().max()) < TOLERANCE * largest
    assert float((found - plain).abs().max()) > 100 * TOLERANCE * largest


def test_every_backend_draws_it_eagerly_and_others_as_ever(make_picture, drain, checkpoint) -> None:
    plain = make_picture("plain", checkpoint=checkpoint)
    pictures: dict[str, dict[str, np.ndarray]] = {}
    for backend in ("eager", "recorded"):
        engine = Engine(TorchRunner("cpu", backend=backend))
        for request in (plain, replace(plain, id="freely", alteration=FREELY), replace(plain, id="after")):
            engine.add(request)
            pictures.setdefault(backend, {})[request.id] = drain(engine)[request.id].image
    for drawn in pictures.values():
        assert np.array_equal(drawn["plain"], drawn["after"])
        assert not np.array_equal(drawn["plain"], drawn["freely"])
    assert np.array_equal(pictures["eager"]["freely"], pictures["recorded"]["freely"])


def test_a_backend_of_its_own_bits_lets_the_network_do_it_and_says_so(make_picture, drain, checkpoint, caplog) -> None:
    pytest.importorskip("openvino")
    caplog.set_level("INFO", "easel.engine.runner")
    drawn: list[np.ndarray] = []
    for backend in ("eager", "openvino"):
        engine = Engine(TorchRunner("cpu", backend=backend))
        engine.add(make_picture(checkpoint=checkpoint, steps=2, alteration=FREELY))
        drawn.append(drain(engine)["a"].image.astype(int))
    assert np.abs(drawn[0] - drawn[1]).max() <= 1
    assert [record.getMessage() for record in caplog.records] == [
        "picture a is not drawn by openvino, which knows no FreeU"
    ]


def test_who_waits_for_another_kind_of_call_is_told_so(make_picture) -> None:
    engine = Engine(FakeRunner(), deterministic=False)
    engine.add(make_picture("first"))
    engine.add(make_picture("second", alteration=replace(MERGING, free_u=True)))
    engine.step()
    assert engine.why_waiting("second") == "this tick draws with nothing altered inside the network"
    engine.cancel("first")
    engine.add(make_picture("third"))
    engine.step()
    assert engine.why_waiting("third") == "this tick draws with token merging and FreeU inside the network"


@pytest.mark.parametrize("guidance", [1.0, 7.5])
@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.filterwarnings("ignore:__array:DeprecationWarning")
def test_self_attention_guidance_is_that_of_diffusers(
    make_picture, make_checkpoint, draw, prediction, guidance
) -> None:
    request = make_picture(
        checkpoint=make_checkpoint("sd2", prediction),
        alteration=Alteration(self_attention=0.75),
        guidance=guidance,
        negative_prompt="a blue dog",
        width=128,
        height=96,
    )
    plain, found = latents(draw, replace(request, id="plain", alteration=Alteration()), request)
    folder = request.checkpoint.folder
    pipeline = diffusers.StableDiffusionSAGPipeline(
        **parts_of(folder),
        scheduler=diffusers.DDIMScheduler.from_pretrained(folder / "scheduler"),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    expected = by_diffusers(pipeline, request, sag_scale=0.75)
    largest = float(expected.abs().max())
    assert float((found - expected).abs().max()) < TOLERANCE * largest
    assert float((found - plain).abs().max()) > 10 * TOLERANCE * largest


@pytest.mark.parametrize("sampler", [Sampler.HEUN, Sampler.PNDM, Sampler.DPMPP_2S, Sampler.LCM])
def test_self_attention_guidance_goes_with_every_kind_of_sampler_and_text(
    make_picture, make_checkpoint, draw, sampler: Sampler
) -> None:
    request = make_picture(
        checkpoint=make_checkpoint("sdxl"),
        alteration=Alteration(self_attention=0.75),
        prompt="a red cat AND a green hat :0.5",
        sampler=sampler,
        steps=3,
    )
    runner, ended = draw(request)
    assert isinstance(ended["a"], Finished)
    twice = runner.calls
    runner, ended = draw(replace(request, alteration=Alteration()))
    assert twice == 2 * runner.calls


def test_a_network_without_attention_in_its_middle_is_named(make_picture, draw, tmp_path, checkpoint) -> None:
    folder = tmp_path / "plain"
    shutil.copytree(checkpoint.folder, folder)
    torch.manual_seed(0)
    unet = diffusers.UNet2DConditionModel.from_pretrained(folder / "unet")
    settings = {**unet.config, "mid_block_type": "UNetMidBlock2D"}
    diffusers.UNet2DConditionModel.from_config(settings).save_pretrained(folder / "unet")
    request = make_picture(checkpoint=replace(checkpoint, name="plain", folder=folder))
    (plain,) = latents(draw, request)
    runner, ended = draw(replace(request, alteration=Alteration(self_attention=0.75)))
    assert torch.equal(runner.latents["a"], plain)
    assert any("Self-attention guidance is not available" in note for note in ended["a"].notes)
