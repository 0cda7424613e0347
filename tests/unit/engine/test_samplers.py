"""Every sampler, stepped beside the diffusers scheduler that it follows, on the same pseudo-random network answers."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import diffusers
import numpy as np
import pytest
import torch

from easel.domain.sampling import Sampler, Spacing
from easel.engine.advance import Canvas, advance
from easel.engine.samplers import SAMPLERS, NoiseSchedule, plan
from easel.engine.samplers.multistep import adams_bashforth, integral
from easel.engine.samplers.schedule import Node, Prediction
from easel.engine.samplers.spacing import HIGHEST_LEVEL, beta_quantiles
from easel.engine.samplers.table import Step

# diffusers' own, with numpy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array:DeprecationWarning")

SHAPE = (4, 8, 8)
STABLE_DIFFUSION = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012, "steps_offset": 1}
WAYS = ["leading", "trailing", "linspace"]


REFERENCES: Mapping[Sampler, Callable[..., Any]] = {
    Sampler.DDIM: lambda **config: diffusers.DDIMScheduler(clip_sample=False, **config),
    Sampler.EULER: diffusers.EulerDiscreteScheduler,
    Sampler.DPMPP_2M: diffusers.DPMSolverMultistepScheduler,
    Sampler.EULER_ANCESTRAL: diffusers.EulerAncestralDiscreteScheduler,
    Sampler.HEUN: diffusers.HeunDiscreteScheduler,
    Sampler.KDPM2: diffusers.KDPM2DiscreteScheduler,
    Sampler.KDPM2_ANCESTRAL: diffusers.KDPM2AncestralDiscreteScheduler,
    Sampler.UNIPC: diffusers.UniPCMultistepScheduler,
    Sampler.DEIS: diffusers.DEISMultistepScheduler,
    Sampler.LMS: diffusers.LMSDiscreteScheduler,
    Sampler.DDPM: lambda **config: diffusers.DDPMScheduler(clip_sample=False, **config),
    Sampler.DPMPP_2M_SDE: lambda **config: diffusers.DPMSolverMultistepScheduler(
        algorithm_type="sde-dpmsolver++", **config
    ),
    Sampler.DPMPP_2S: lambda *, timestep_spacing, steps_offset, **config: diffusers.DPMSolverSinglestepScheduler(
        lower_order_final=True, **config
    ),
    Sampler.LCM: lambda **config: diffusers.LCMScheduler(clip_sample=False, **config),
    Sampler.PNDM: lambda **config: diffusers.PNDMScheduler(skip_prk_steps=True, **config),
}

ZERO_SNR = [
    Sampler.DDIM,
    Sampler.EULER,
    Sampler.DPMPP_2M,
    Sampler.EULER_ANCESTRAL,
    Sampler.UNIPC,
    Sampler.DDPM,
    Sampler.DPMPP_2M_SDE,
    Sampler.LCM,
]
"""Whose diffusers class knows `rescale_betas_zero_snr`."""

SPACED = {
    Spacing.KARRAS: "use_karras_sigmas",
    Spacing.EXPONENTIAL: "use_exponential_sigmas",
    Spacing.BETA: "use_beta_sigmas",
}
"""The switch that each spacing is in diffusers."""

SPACEABLE = [
    Sampler.EULER,
    Sampler.DPMPP_2M,
    Sampler.HEUN,
    Sampler.KDPM2,
    Sampler.KDPM2_ANCESTRAL,
    Sampler.UNIPC,
    Sampler.DEIS,
    Sampler.LMS,
    Sampler.DPMPP_2M_SDE,
    Sampler.DPMPP_2S,
]
"""Whose diffusers class has these switches."""


def ours(
    steps: tuple[Step, ...], history: int, start: torch.Tensor, answers: torch.Tensor, draws: torch.Generator
) -> list[torch.Tensor]:
    """What the network is given at each call, and the last latents."""
    canvas = Canvas(start, {}, draws, history)
    seen = [canvas.latents]
    for step, answer in zip(steps, answers, strict=True):
        advance([canvas], [step], canvas.latents[None], answer[None])
        seen.append(canvas.latents)
    return seen


def theirs(scheduler: Any, answers: torch.Tensor, draws: torch.Generator) -> list[torch.Tensor]:
    """The same of a diffusers scheduler, which may count latents otherwise between calls."""
    latents = torch.randn((1, *SHAPE), generator=draws) * scheduler.init_noise_sigma
    random = {"generator": draws} if "generator" in inspect.signature(scheduler.step).parameters else {}
    if hasattr(scheduler, "set_begin_index"):
        # Left to search, it takes the second of two equal timesteps, which Karras spacing rounds to.
        scheduler.set_begin_index(0)
    seen: list[torch.Tensor] = []
    for timestep, answer in zip(scheduler.timesteps, answers, strict=True):
        seen.append(scheduler.scale_model_input(latents, timestep)[0])
        latents = scheduler.step(answer[None], timestep, latents, return_dict=False, **random)[0]
    return [*seen, latents[0]]


def assert_follows(
    sampler: Sampler, config: dict[str, Any], spacing: Spacing, steps: list[int], tolerance: float, **told: Any
) -> None:
    """`told` is for the diffusers scheduler alone."""
    if sampler is Sampler.LMS or spacing is Spacing.BETA:
        pytest.importorskip("scipy", reason="diffusers takes these from scipy")
    schedule = NoiseSchedule.from_config(config)
    # One for all lengths of run: some of diffusers' take their time to be made.
    scheduler = REFERENCES[sampler](**config, **told, **({SPACED[spacing]: True} if spacing in SPACED else {}))
    for count in steps:
        planned = plan(schedule, sampler, spacing, count)
        scheduler.set_timesteps(count)
        timesteps = [step.timestep for step in planned.steps]
        # Some of diffusers' cut to whole steps what float32 has put just under one.
        assert timesteps == pytest.approx(scheduler.timesteps.tolist(), abs=1.01 if spacing in SPACED else 0.01)
        answers = torch.randn((len(planned.steps), *SHAPE), generator=torch.Generator().manual_seed(7))
        draws = torch.Generator().manual_seed(3)
        start = torch.randn(SHAPE, generator=draws) * planned.noise
        found = ours(planned.steps, planned.history, start, answers, draws)
        expected = theirs(scheduler, answers, torch.Generator().manual_seed(3))
        for call, (mine, other) in enumerate(zip(found, expected, strict=True)):
            scale = max(1.0, float(other.abs().max()))
            assert float((mine - other).abs().max()) <= tolerance * scale, f"{count} steps, at call {call}"


@pytest.mark.parametrize("spacing", [Spacing.MODEL, Spacing.KARRAS])
@pytest.mark.parametrize("strength", [0.29, 0.5, 0.75])
@pytest.mark.parametrize("sampler", [sampler for sampler in REFERENCES if sampler is not Sampler.LMS])
def test_a_run_from_a_picture_is_the_last_part_of_diffusers(
    sampler: Sampler, strength: float, spacing: Spacing
) -> None:
    """Noise added, coefficients and draws. diffusers' LMS takes the weights of slopes that it has not seen."""
    if spacing is not Spacing.MODEL and sampler not in SPACEABLE:
        pytest.skip("diffusers has no such switch")
    config = {**STABLE_DIFFUSION, "prediction_type": "v_prediction", "timestep_spacing": "leading"}
    scheduler = REFERENCES[sampler](**config, **({SPACED[spacing]: True} if spacing in SPACED else {}))
    schedule = NoiseSchedule.from_config(config)
    for count in (3, 12, 25):
        planned = plan(schedule, sampler, spacing, count, strength)
        assert planned.taken == max(1, int(count * strength + 1e-9))
        scheduler.set_timesteps(count)
        begin = (count - planned.taken) * getattr(scheduler, "order", 1)
        answers = torch.randn((len(planned.steps), *SHAPE), generator=torch.Generator().manual_seed(7))
        picture, noise = torch.randn((2, *SHAPE), generator=torch.Generator().manual_seed(5))
        if hasattr(scheduler, "set_begin_index"):
            scheduler.set_begin_index(begin)
        timesteps = scheduler.timesteps[begin:]
        if sampler is Sampler.PNDM:
            # Its second timestep is there twice, and to begin beyond it is to miss the step that is taken again.
            once = [*scheduler.timesteps[:1], *scheduler.timesteps[2:]][begin:]
            timesteps = torch.stack([*once[:2], *once[1:]])
        latents = scheduler.add_noise(picture[None], noise[None], timesteps[:1])
        start = planned.begins.alpha * picture + planned.begins.sigma * noise
        found = ours(planned.steps, planned.history, start, answers, torch.Generator().manual_seed(3))
        draws = torch.Generator().manual_seed(3)
        random = {"generator": draws} if "generator" in inspect.signature(scheduler.step).parameters else {}
        for call, (timestep, answer) in enumerate(zip(timesteps, answers, strict=True)):
            expected = scheduler.scale_model_input(latents, timestep)[0]
            scale = max(1.0, float(expected.abs().max()))
            assert float((found[call] - expected).abs().max()) <= TOLERANCE * scale, f"{count} steps, at call {call}"
            latents = scheduler.step(answer[None], timestep, latents, return_dict=False, **random)[0]
        assert float((found[-1] - latents[0]).abs().max()) <= TOLERANCE * max(1.0, float(latents.abs().max()))


@pytest.mark.parametrize("sampler", list(Sampler))
@pytest.mark.parametrize("spacing", list(Spacing))
def test_the_last_part_of_a_plan_stands_where_the_whole_one_does(sampler: Sampler, spacing: Spacing) -> None:
    """Where each step is called and where it lands are the whole run's; what it remembers begins anew."""
    schedule = NoiseSchedule.from_config(STABLE_DIFFUSION)
    whole = plan(schedule, sampler, spacing, 10)
    last = plan(schedule, sampler, spacing, 10, 0.4)
    assert last.taken == 4
    if sampler is not Sampler.PNDM:  # which calls its own second step twice
        tail = whole.steps[-len(last.steps) :]
        assert [step.timestep for step in last.steps] == [step.timestep for step in tail]
        assert [step.lands for step in last.steps] == [step.lands for step in tail]
    assert len(last.steps[0].predictions) - last.steps[0].predictions.count(0.0) == 1
    for planned in (whole, last):
        assert planned.begins.alpha**2 + planned.begins.sigma**2 == pytest.approx(1)
        assert planned.steps[-1].lands.sigma < 0.06


def test_a_strength_of_less_than_a_step_takes_one_and_says_so() -> None:
    schedule = NoiseSchedule.from_config(STABLE_DIFFUSION)
    for strength in (0.0, 0.01):
        planned = plan(schedule, Sampler.DDIM, Spacing.MODEL, 20, strength)
        assert planned.taken == len(planned.steps) == 1
        assert planned.notes[0].startswith(f"A strength of {strength:g} leaves less than one of 20 steps")
    assert plan(schedule, Sampler.DDIM, Spacing.MODEL, 20, 0.05).notes == ()


def test_every_sampler_has_a_table_and_all_but_ipndm_a_reference() -> None:
    assert set(SAMPLERS) == set(Sampler)
    assert set(Sampler) - set(REFERENCES) == {Sampler.IPNDM}


TOLERANCE = 2e-4
"""diffusers sums its schedule up in float32, where a thousand factors leave 1e-5 or so of a noise level, and many of
its solvers round latents at up to fifteen times our scale."""

ZERO_SNR_TOLERANCE = 1e-3
"""There it rounds them at 4096 times ours: the noise level that stands for an infinite one."""


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("sampler", list(REFERENCES))
def test_follows_diffusers(sampler: Sampler, prediction: str, way: str) -> None:
    config = {**STABLE_DIFFUSION, "prediction_type": prediction, "timestep_spacing": way}
    # One step of diffusers' DEIS divides by zero.
    steps = [2, 3, 14, 25] if sampler is Sampler.DEIS else [1, 2, 3, 14, 25]
    assert_follows(sampler, config, Spacing.MODEL, steps, TOLERANCE)


@pytest.mark.parametrize("spacing", [Spacing.KARRAS, Spacing.EXPONENTIAL])
@pytest.mark.parametrize(("prediction", "way"), [("epsilon", "leading"), ("v_prediction", "trailing")])
@pytest.mark.parametrize("sampler", SPACEABLE)
def test_follows_diffusers_where_steps_stand_by_noise_level(
    sampler: Sampler, prediction: str, way: str, spacing: Spacing
) -> None:
    config = {**STABLE_DIFFUSION, "prediction_type": prediction, "timestep_spacing": way}
    assert_follows(sampler, config, spacing, [2, 25], TOLERANCE)


@pytest.mark.parametrize("sampler", SPACEABLE)
def test_follows_diffusers_with_beta_spacing(sampler: Sampler) -> None:
    assert_follows(sampler, {**STABLE_DIFFUSION, "timestep_spacing": "linspace"}, Spacing.BETA, [25], TOLERANCE)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("sampler", ZERO_SNR)
def test_follows_diffusers_with_zero_terminal_snr(sampler: Sampler, way: str) -> None:
    config = {
        **STABLE_DIFFUSION,
        "prediction_type": "v_prediction",
        "timestep_spacing": way,
        "rescale_betas_zero_snr": True,
    }
    assert_follows(sampler, config, Spacing.MODEL, [2, 25], ZERO_SNR_TOLERANCE)


@pytest.mark.parametrize("way", ["trailing", "linspace"])
def test_karras_levels_begin_where_something_is_seen(way: str) -> None:
    """diffusers begins at 4096 on such a schedule, unless it is told otherwise."""
    config = {
        **STABLE_DIFFUSION,
        "prediction_type": "v_prediction",
        "timestep_spacing": way,
        "rescale_betas_zero_snr": True,
    }
    assert_follows(Sampler.EULER, config, Spacing.KARRAS, [25], TOLERANCE, sigma_max=HIGHEST_LEVEL)


ALPHA_BARS = 1 / (1 + 4 * np.tan(np.linspace(0, np.pi / 2, 1001)) ** 2)
ENDS_IN_NOISE = {"trained_betas": 1 - ALPHA_BARS[1:] / ALPHA_BARS[:-1], "prediction_type": "v_prediction"}
"""As the starter model's: without the switch that diffusers knows such schedules by."""


@pytest.mark.parametrize("spacing", [spacing for spacing in Spacing if spacing is not Spacing.BETA])
@pytest.mark.parametrize("sampler", [sampler for sampler in Sampler if sampler is not Sampler.LCM])
def test_every_sampler_arrives_where_the_exact_denoiser_leads(sampler: Sampler, spacing: Spacing) -> None:
    """Of Gaussian pictures with a standard deviation of 0.5 the best denoiser is known, and so is where it leads.

    In 60 steps a solver of the first order loses a tenth of the contrast, fresh noise a little more. Beta spacing is
    left out: even in noise level, it is too coarse near the picture. LCM is not for such a network.
    """
    for config in ({**STABLE_DIFFUSION, "prediction_type": "v_prediction"}, ENDS_IN_NOISE):
        for way in WAYS:
            schedule = NoiseSchedule.from_config({**config, "timestep_spacing": way})
            planned = plan(schedule, sampler, spacing, 60)
            draws = torch.Generator().manual_seed(3)
            canvas = Canvas(torch.randn((4, 16, 16), generator=draws) * planned.noise, {}, draws, planned.history)
            for step in planned.steps:
                answer = exact_answer(schedule, step.timestep, canvas.latents)
                advance([canvas], [step], canvas.latents[None], answer[None])
            assert float(canvas.latents.std()) == pytest.approx(0.5, rel=0.12), way


@pytest.mark.parametrize("sampler", list(Sampler))
def test_what_a_step_says_of_the_picture_is_what_the_network_sees(sampler: Sampler) -> None:
    """`clean` from the exact denoiser's answers is its x0 at every call."""
    schedule = NoiseSchedule.from_config({**STABLE_DIFFUSION, "prediction_type": "v_prediction"})
    planned = plan(schedule, sampler, Spacing.MODEL, 10)
    latents = torch.randn(SHAPE, generator=torch.Generator().manual_seed(3))
    at = planned.begins
    for step in planned.steps:
        answer = exact_answer(schedule, step.timestep, latents)
        seen = step.clean.x * latents + step.clean.out * answer
        expected = latents * at.alpha * 0.25 / (at.alpha**2 * 0.25 + at.sigma**2)
        assert torch.allclose(seen, expected, atol=0.03), step.timestep
        at = step.lands


def exact_answer(schedule: NoiseSchedule, timestep: float, latents: torch.Tensor) -> torch.Tensor:
    """v of the pictures' mean, given the latents, for pictures with a standard deviation of 0.5."""
    steps = np.arange(schedule.length)
    alpha_bar = float(np.interp(timestep, steps, schedule.alpha_bars))
    alpha, sigma = alpha_bar**0.5, (1 - alpha_bar) ** 0.5
    x0 = latents * (alpha * 0.25 / (alpha_bar * 0.25 + sigma**2))
    return alpha * (latents - alpha * x0) / sigma - sigma * x0


def test_ipndm_follows_diffusers_on_the_nodes_that_its_class_has() -> None:
    scheduler = diffusers.IPNDMScheduler()
    scheduler.set_timesteps(20)
    pairs = zip(scheduler.alphas.tolist(), scheduler.betas.tolist(), strict=True)
    # Its first node is all noise, where a noise level is infinite: begin at the second, as img2img does.
    nodes = [Node(0, alpha, sigma) for alpha, sigma in pairs][1:]
    planned = adams_bashforth(Prediction.V, nodes)
    answers = torch.randn((len(planned), *SHAPE), generator=torch.Generator().manual_seed(7))
    start = torch.randn(SHAPE, generator=torch.Generator().manual_seed(3))
    found = ours(planned, 4, start, answers, torch.Generator())
    scheduler.set_begin_index(1)
    latents = start
    for call, answer in enumerate(answers):
        latents = scheduler.step(answer, scheduler.timesteps[call + 1], latents, return_dict=False)[0]
        assert float((found[call + 1] - latents).abs().max()) < TOLERANCE * max(1.0, float(latents.abs().max()))


def test_lms_integrates_the_polynomial_through_the_slopes() -> None:
    known = [3.0, 5.0, 8.0, 9.0]
    weights = [integral(known, which, 3.0, 1.0) for which in range(4)]
    for power in range(4):
        slopes = [level**power for level in known]
        exact = (1.0 ** (power + 1) - 3.0 ** (power + 1)) / (power + 1)
        assert sum(w * slope for w, slope in zip(weights, slopes, strict=True)) == pytest.approx(exact)


def test_beta_quantiles_are_those_of_scipy() -> None:
    shares = np.array([0.0, 0.01, 0.1, 0.25, 0.5, 0.8, 1.0])
    expected = [0.0, 0.0008612, 0.0395844, 0.1756804, 0.5, 0.8770782, 1.0]
    assert beta_quantiles(shares).tolist() == pytest.approx(expected, abs=1e-6)


def test_more_steps_than_the_schedule_has_are_refused() -> None:
    schedule = NoiseSchedule.from_config(STABLE_DIFFUSION)
    for sampler in Sampler:
        with pytest.raises(ValueError, match="steps must be 1 to"):
            plan(schedule, sampler, Spacing.MODEL, 10_000)


@pytest.mark.parametrize("sampler", list(Sampler))
@pytest.mark.parametrize("spacing", list(Spacing))
def test_every_plan_is_of_finite_numbers_on_every_schedule(sampler: Sampler, spacing: Spacing) -> None:
    """A betas file that ends in all noise included, as the starter model's does."""
    ends_in_noise = [*np.linspace(0.001, 0.02, 999).tolist(), 1.0]
    for config in (
        STABLE_DIFFUSION,
        {"trained_betas": ends_in_noise, "prediction_type": "v_prediction", "timestep_spacing": "trailing"},
        {"trained_betas": ends_in_noise, "prediction_type": "epsilon"},
        {"beta_schedule": "squaredcos_cap_v2", "prediction_type": "sample"},
    ):
        for steps in (1, 2, 5, 50):
            planned = plan(NoiseSchedule.from_config(config), sampler, spacing, steps)
            numbers = [
                number
                for step in planned.steps
                for number in (step.timestep, *step.prediction, step.keep, *step.predictions, step.kept, step.noise)
            ]
            assert np.isfinite([planned.noise, *numbers]).all(), f"{config.keys()}, {steps} steps"


def test_a_spacing_that_lcm_cannot_follow_is_noted() -> None:
    schedule = NoiseSchedule.from_config(STABLE_DIFFUSION)
    assert plan(schedule, Sampler.LCM, Spacing.MODEL, 4).notes == ()
    (note,) = plan(schedule, Sampler.LCM, Spacing.KARRAS, 4).notes
    assert note == "The LCM sampler has steps of its own; karras spacing was not used."


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"prediction_type": "tea_leaves"}, "prediction_type"),
        ({"beta_schedule": "zigzag"}, "beta_schedule"),
        ({"timestep_spacing": "sideways"}, "timestep_spacing"),
        ({"trained_betas": [0.1, float("nan")]}, "betas"),
        ({"trained_betas": [0.1, 1.5]}, "betas"),
        ({"trained_betas": []}, "betas"),
        ({"thresholding": True}, "thresholding"),
        ({"_class_name": "FlowMatchEulerDiscreteScheduler"}, "flow matching"),
    ],
)
def test_a_schedule_that_is_not_known_is_refused_with_a_sentence(config: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        NoiseSchedule.from_config(config)
