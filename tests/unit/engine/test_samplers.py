"""Every sampler, stepped beside the diffusers scheduler that it follows, on the same pseudo-random network answers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import diffusers
import pytest
import torch

from easel.domain.sampling import Sampler, Spacing
from easel.engine.advance import Canvas, advance
from easel.engine.samplers import NoiseSchedule, Plan, plan

SHAPE = (4, 8, 8)

# diffusers' own, with numpy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

STABLE_DIFFUSION = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "steps_offset": 1}


@dataclass(frozen=True)
class Reference:
    """A diffusers scheduler: its class, what it is told beside the noise schedule, and how its latents become ours."""

    scheduler: Callable[..., Any]
    settings: dict[str, Any]
    counts_in_levels: bool
    """Its latents are x0 + level * eps, which is ours divided by alpha."""
    begins_at_an_index: bool = True


REFERENCES = {
    Sampler.DDIM: Reference(diffusers.DDIMScheduler, {"clip_sample": False}, False, begins_at_an_index=False),
    Sampler.EULER: Reference(diffusers.EulerDiscreteScheduler, {}, counts_in_levels=True),
    Sampler.DPMPP_2M: Reference(diffusers.DPMSolverMultistepScheduler, {}, counts_in_levels=False),
}


def ours(plan: Plan, answers: torch.Tensor, seed: int) -> list[torch.Tensor]:
    """The latents before the first step and after each one."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn(SHAPE, generator=generator)
    canvas = Canvas(noise * plan.noise, {}, generator, plan.history)
    seen = [canvas.latents]
    for step, answer in zip(plan.steps, answers, strict=True):
        advance([canvas], [step], canvas.latents[None], answer[None])
        seen.append(canvas.latents)
    return seen


def theirs(
    reference: Reference, config: dict[str, Any], steps: int, answers: torch.Tensor, seed: int
) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    scheduler = reference.scheduler(**config, **reference.settings)
    scheduler.set_timesteps(steps)
    if reference.begins_at_an_index:
        # Left to search, it takes the second of two equal timesteps, which Karras spacing rounds to.
        scheduler.set_begin_index(0)
    latents = torch.randn((1, *SHAPE), generator=generator) * scheduler.init_noise_sigma
    seen = [latents]
    for timestep, answer in zip(scheduler.timesteps, answers, strict=True):
        scheduler.scale_model_input(latents, timestep)
        latents = scheduler.step(answer[None], timestep, latents, return_dict=False)[0]
        seen.append(latents)
    if reference.counts_in_levels:
        seen = [latents / (level**2 + 1) ** 0.5 for latents, level in zip(seen, scheduler.sigmas, strict=True)]
    return [latents[0] for latents in seen]


def assert_follows(sampler: Sampler, config: dict[str, Any], steps: int, spacing: Spacing, tolerance: float) -> None:
    reference = REFERENCES[sampler]
    planned = plan(NoiseSchedule.from_config(config), sampler, spacing, steps)
    answers = torch.randn((len(planned.steps), *SHAPE), generator=torch.Generator().manual_seed(7))
    if spacing is Spacing.KARRAS:
        config = {**config, "use_karras_sigmas": True}
    expected = theirs(reference, config, steps, answers, seed=3)
    found = ours(planned, answers, seed=3)
    assert len(found) == len(expected)
    for step, (mine, other) in enumerate(zip(found, expected, strict=True)):
        scale = max(1.0, float(other.abs().max()))
        assert float((mine - other).abs().max()) <= tolerance * scale, f"after step {step}"


@pytest.mark.parametrize("way", ["leading", "trailing", "linspace"])
@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("sampler", list(REFERENCES))
@pytest.mark.parametrize("steps", [1, 2, 7, 25, 50])
def test_follows_diffusers(sampler: Sampler, prediction: str, way: str, steps: int) -> None:
    # diffusers sums its schedule up in float32: a thousand factors leave 1e-5 or so of the noise level.
    config = {**STABLE_DIFFUSION, "prediction_type": prediction, "timestep_spacing": way}
    assert_follows(sampler, config, steps, Spacing.MODEL, tolerance=1e-4)


@pytest.mark.parametrize("way", ["leading", "trailing", "linspace"])
@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("sampler", [Sampler.EULER, Sampler.DPMPP_2M])
@pytest.mark.parametrize("steps", [2, 7, 25])
def test_follows_diffusers_with_karras_spacing(sampler: Sampler, prediction: str, way: str, steps: int) -> None:
    config = {**STABLE_DIFFUSION, "prediction_type": prediction, "timestep_spacing": way}
    assert_follows(sampler, config, steps, Spacing.KARRAS, tolerance=1e-4)


@pytest.mark.parametrize("spacing", list(Spacing))
@pytest.mark.parametrize("way", ["leading", "trailing", "linspace"])
@pytest.mark.parametrize("sampler", list(REFERENCES))
def test_follows_diffusers_with_zero_terminal_snr(sampler: Sampler, way: str, spacing: Spacing) -> None:
    if sampler is Sampler.DDIM and spacing is Spacing.KARRAS:
        pytest.skip("diffusers has no Karras spacing for DDIM")
    config = {
        **STABLE_DIFFUSION,
        "prediction_type": "v_prediction",
        "timestep_spacing": way,
        "rescale_betas_zero_snr": True,
    }
    assert_follows(sampler, config, 25, spacing, tolerance=1e-4)
