"""A picture with adapters is the one that diffusers and PEFT draw, whoever shares its calls."""

from typing import Any

import diffusers
import pytest
import torch
from made import ATTENTION, low_rank, mix
from peft import LoraConfig
from peft.utils import get_peft_model_state_dict
from test_families import stable_diffusion, stable_diffusion_xl

from easel.domain.sampling import Sampler
from easel.engine.request import PictureRequest, WeightsFile

TOLERANCE = 1e-3
SCHEDULERS = {Sampler.DDIM: diffusers.DDIMScheduler, Sampler.EULER: diffusers.EulerDiscreteScheduler}


def reference(request: PictureRequest) -> torch.Tensor:
    """The latents of diffusers' own pipeline with the request's adapters loaded by its own loader."""
    checkpoint = request.checkpoint
    make = stable_diffusion_xl if checkpoint.family == "sdxl" else stable_diffusion
    scheduler = SCHEDULERS[request.sampler].from_pretrained(checkpoint.folder / "scheduler")
    pipeline: Any = make(checkpoint.folder, scheduler)
    pipeline.set_progress_bar_config(disable=True)
    names: list[str] = []
    for number, used in enumerate(request.adapters):
        names.append(f"adapter{number}")
        pipeline.load_lora_weights(used.adapter.file, adapter_name=names[-1])
    if names:
        weights = [
            {"unet": used.strength, "text_encoder": used.text_strength, "text_encoder_2": used.text_strength}
            for used in request.adapters
        ]
        if checkpoint.family != "sdxl":
            for weight in weights:
                del weight["text_encoder_2"]
        pipeline.set_adapters(names, weights)
    return pipeline(
        request.prompt,
        negative_prompt=request.negative_prompt,
        width=request.width,
        height=request.height,
        num_inference_steps=request.steps,
        guidance_scale=request.guidance,
        generator=torch.Generator().manual_seed(request.seed),
        output_type="latent",
    ).images[0]


@pytest.mark.parametrize(
    ("family", "layout"), [("sd1", "kohya"), ("sd2", "peft"), ("sd2", "diffusers"), ("sdxl", "kohya"), ("sdxl", "peft")]
)
@pytest.mark.filterwarnings("ignore")
def test_a_whole_run_with_two_adapters_is_that_of_diffusers(
    make_picture, make_checkpoint, draw, save, family: str, layout: str
) -> None:
    checkpoint = make_checkpoint(family)
    first = save("first", low_rank(checkpoint, seed=1, layout=layout))
    second = save("second", low_rank(checkpoint, seed=2, layout=layout, rank=6, alpha=9.0, targets=ATTENTION))
    asked = {
        "checkpoint": checkpoint,
        "negative_prompt": "a blue dog",
        "sampler": Sampler.EULER if family == "sdxl" else Sampler.DDIM,
        "steps": 4,
    }
    request = make_picture(adapters=(mix(first, 0.7), mix(second, -0.4, 0.5)), **asked)
    plain = make_picture("plain", **asked)
    runner, ended = draw(request, plain)
    wanted = reference(request)
    assert not ended["a"].notes
    assert float((runner.latents["a"] - wanted).abs().max()) < TOLERANCE
    assert float((runner.latents["plain"] - wanted).abs().max()) > 100 * TOLERANCE
    assert float((runner.latents["plain"] - reference(plain)).abs().max()) < TOLERANCE


@pytest.mark.filterwarnings("ignore")
def test_alpha_is_read_from_the_settings_that_peft_and_diffusers_write(
    make_picture, make_checkpoint, draw, tmp_path
) -> None:
    checkpoint = make_checkpoint("sd2")
    scheduler = diffusers.DDIMScheduler.from_pretrained(checkpoint.folder / "scheduler")
    pipeline: Any = stable_diffusion(checkpoint.folder, scheduler)
    settings = LoraConfig(
        r=4,
        lora_alpha=10,
        init_lora_weights=False,
        target_modules=["to_q", "to_k"],
        alpha_pattern={"attn2.to_q": 3},
        use_rslora=True,
    )
    torch.manual_seed(1)
    pipeline.unet.add_adapter(settings)
    pipeline.save_lora_weights(
        tmp_path,
        unet_lora_layers=get_peft_model_state_dict(pipeline.unet),
        unet_lora_adapter_metadata=pipeline.unet.peft_config["default"].to_dict(),
    )
    adapter = WeightsFile(name="saved", file=tmp_path / "pytorch_lora_weights.safetensors")
    request = make_picture(checkpoint=checkpoint, adapters=(mix(adapter),), sampler=Sampler.DDIM, steps=3)
    runner, _ = draw(request)
    assert float((runner.latents["a"] - reference(request)).abs().max()) < TOLERANCE
