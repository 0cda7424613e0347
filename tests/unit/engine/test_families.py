"""Each family draws what diffusers' own pipeline draws with the same weights."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from easel.domain.sampling import Sampler

TOLERANCE = 1e-4
"""Same weights, same float32 kernels: what is left are the coefficients' last bits, float32 in diffusers."""


def parts_of(folder: Path) -> dict[str, Any]:
    return {
        "vae": AutoencoderKL.from_pretrained(folder / "vae"),
        "text_encoder": CLIPTextModel.from_pretrained(folder / "text_encoder"),
        "tokenizer": CLIPTokenizer.from_pretrained(folder / "tokenizer"),
        "unet": UNet2DConditionModel.from_pretrained(folder / "unet"),
    }


def stable_diffusion(folder: Path, scheduler: Any) -> Any:
    return diffusers.StableDiffusionPipeline(
        **parts_of(folder),
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def stable_diffusion_xl(folder: Path, scheduler: Any) -> Any:
    return diffusers.StableDiffusionXLPipeline(
        **parts_of(folder),
        text_encoder_2=CLIPTextModelWithProjection.from_pretrained(folder / "text_encoder_2"),
        tokenizer_2=CLIPTokenizer.from_pretrained(folder / "tokenizer_2"),
        scheduler=scheduler,
        add_watermarker=False,
    )


@pytest.mark.parametrize(
    ("family", "prediction", "sampler", "scheduler", "pipeline"),
    [
        ("sd2", "v_prediction", Sampler.DDIM, diffusers.DDIMScheduler, stable_diffusion),
        ("sd2", "epsilon", Sampler.DDIM, diffusers.DDIMScheduler, stable_diffusion),
        ("sd2", "v_prediction", Sampler.DPMPP_2M, diffusers.DPMSolverMultistepScheduler, stable_diffusion),
        ("sd2", "v_prediction", Sampler.EULER_ANCESTRAL, diffusers.EulerAncestralDiscreteScheduler, stable_diffusion),
        ("sd1", "epsilon", Sampler.PNDM, diffusers.PNDMScheduler, stable_diffusion),
        ("sd1", "epsilon", Sampler.UNIPC, diffusers.UniPCMultistepScheduler, stable_diffusion),
        ("sdxl", "epsilon", Sampler.EULER, diffusers.EulerDiscreteScheduler, stable_diffusion_xl),
        ("sdxl", "v_prediction", Sampler.HEUN, diffusers.HeunDiscreteScheduler, stable_diffusion_xl),
    ],
)
@pytest.mark.parametrize("guidance", [1.0, 7.5])
@pytest.mark.filterwarnings("ignore:__array:DeprecationWarning")
def test_a_whole_run_is_that_of_diffusers_own_pipeline(
    make_picture,
    make_checkpoint,
    draw,
    family: str,
    prediction: str,
    sampler: Sampler,
    scheduler: Any,
    pipeline: Callable[[Path, Any], Any],
    guidance: float,
) -> None:
    checkpoint = make_checkpoint(family, prediction)
    request = make_picture(checkpoint=checkpoint, sampler=sampler, guidance=guidance, steps=8, seed=42)
    runner, ended = draw(request)
    reference = pipeline(checkpoint.folder, scheduler.from_pretrained(checkpoint.folder / "scheduler"))
    reference.set_progress_bar_config(disable=True)
    latents = reference(
        request.prompt,
        width=request.width,
        height=request.height,
        num_inference_steps=request.steps,
        guidance_scale=guidance,
        generator=torch.Generator().manual_seed(request.seed),
        output_type="latent",
    ).images[0]
    assert float((runner.latents["a"] - latents).abs().max()) < TOLERANCE * float(latents.abs().max())
    with torch.no_grad():
        picture = reference.vae.decode(latents[None] / reference.vae.config.scaling_factor).sample[0]
    pixels = ((picture / 2 + 0.5).clamp(0, 1) * 255).round().permute(1, 2, 0).numpy()
    assert np.abs(ended["a"].image - pixels).max() <= 1


def test_a_negative_prompt_is_that_of_diffusers_as_well(make_picture, draw, checkpoint) -> None:
    request = make_picture(checkpoint=checkpoint, negative_prompt="a blue dog")
    runner, _ = draw(request)
    reference = stable_diffusion(
        checkpoint.folder, diffusers.DDIMScheduler.from_pretrained(checkpoint.folder / "scheduler")
    )
    reference.set_progress_bar_config(disable=True)
    latents = reference(
        request.prompt,
        negative_prompt=request.negative_prompt,
        width=64,
        height=64,
        num_inference_steps=request.steps,
        guidance_scale=request.guidance,
        generator=torch.Generator().manual_seed(request.seed),
        output_type="latent",
    ).images[0]
    assert float((runner.latents["a"] - latents).abs().max()) < TOLERANCE * float(latents.abs().max())
