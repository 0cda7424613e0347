"""Who draws: Easel's engine, and what else draws the same pictures from the same folder in this process."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from easel.bench.models import Subject
from easel.domain.errors import GenerationFailed
from easel.domain.sampling import Sampler, Spacing
from easel.engine.backends.base import Tensors
from easel.engine.engine import Engine
from easel.engine.events import Failed, Finished
from easel.engine.request import PictureRequest
from easel.engine.runner import TorchRunner

GUIDANCE = 4.0

Draw = Callable[[str, int, int], np.ndarray]
"""A prompt, a seed and a number of steps to a picture."""


def request(subject: Subject, id: str, prompt: str, seed: int, steps: int, **asked: Any) -> PictureRequest:
    plain: dict[str, Any] = {
        "negative_prompt": "", "width": subject.side, "height": subject.side, "guidance": GUIDANCE,
        "sampler": Sampler.DDIM, "spacing": Spacing.MODEL,
    }  # fmt: skip
    return PictureRequest(
        id=id, checkpoint=subject.checkpoint, prompt=prompt, seed=seed, steps=steps, **{**plain, **asked}
    )


def drain(engine: Engine) -> dict[str, np.ndarray]:
    """Every picture that the engine still draws, by id."""
    images: dict[str, np.ndarray] = {}
    while not engine.is_idle:
        for event in engine.step():
            match event:
                case Finished(id, image):
                    images[id] = image
                case Failed(_, error):
                    raise GenerationFailed(error)
                case _:
                    pass
    return images


def easel(subject: Subject, backend: str, device: str, cache: Path | None = None) -> Draw:
    engine = Engine(TorchRunner(device, backend=backend, cache=cache))

    def draw(prompt: str, seed: int, steps: int) -> np.ndarray:
        engine.add(request(subject, "it", prompt, seed, steps))
        return drain(engine)["it"]

    return draw


def diffusers(subject: Subject, device: str, *, compiled: bool = False) -> Draw:
    """diffusers' own pipeline; bfloat16 on a GPU, as Easel has it."""
    pipeline = _pipeline(subject, device)
    if compiled:
        import torch

        pipeline.unet = torch.compile(pipeline.unet, mode="default" if device == "cpu" else "max-autotune")
    return _by(pipeline, subject)


def openvino(subject: Subject, cache: Path | None = None, *, eight_bits: bool = False) -> Draw:
    """The OpenVINO runtime driven by diffusers' loop: U-Net and decoder compiled for the picture's very shapes.

    optimum-intel has no release for this transformers. The networks and, for eight bits, their calibration are those
    of Easel's own backend, so that what differs is the loop around them.
    """
    import torch

    from easel.engine.backends.base import Opened
    from easel.engine.backends.families import run_by
    from easel.engine.backends.opening import Opener
    from easel.engine.control.residuals import no_residuals
    from easel.engine.families import family_named
    from easel.engine.families.source import Source

    pipeline = _pipeline(subject, "cpu")
    source = Source(subject.folder, torch.device("cpu"), torch.float32)
    family = family_named(subject.checkpoint.family).load(source)
    run_by(Opener("openvino-int8" if eight_bits else "openvino", torch.device("cpu"), cache), family, subject.folder)
    network: Opened = family.network
    nothing = family.adaptable.no_factors

    class UNet(torch.nn.Module):
        def __init__(self, unet: Any) -> None:
            super().__init__()
            self.config, self.dtype, self.device = unet.config, unet.dtype, unet.device

        def forward(self, latents: Any, timestep: Any, encoder_hidden_states: Any, **_: Any) -> Tensors:
            timesteps = torch.as_tensor(timestep, dtype=torch.float32).expand(len(latents))
            return (network(nothing, latents, timesteps, encoder_hidden_states, no_residuals(latents)),)

    decoder = family.autoencoder.decoder
    pipeline.register_modules(unet=UNet(pipeline.unet))
    pipeline.vae.decode = lambda latents, **_: (decoder(latents),)
    return _by(pipeline, subject)


def batches(subject: Subject, device: str) -> Callable[[list[str], list[int], int], None]:
    """A static batch by diffusers' pipeline: prompts and seeds of one number of steps, begun and ended together."""
    import torch

    pipeline = _pipeline(subject, device)

    def draw(prompts: list[str], seeds: list[int], steps: int) -> None:
        pipeline(
            prompts, width=subject.side, height=subject.side, num_inference_steps=steps, guidance_scale=GUIDANCE,
            generator=[torch.Generator().manual_seed(seed) for seed in seeds], output_type="np",
        )  # fmt: skip

    return draw


def _pipeline(subject: Subject, device: str) -> Any:
    import diffusers
    import torch

    kind = diffusers.StableDiffusionXLPipeline if subject.checkpoint.family == "sdxl" else (
        diffusers.StableDiffusionPipeline
    )  # fmt: skip
    dtype = torch.float32 if device == "cpu" else torch.bfloat16
    options: dict[str, Any] = {} if subject.checkpoint.family == "sdxl" else {"safety_checker": None}
    pipeline = kind.from_pretrained(subject.folder, local_files_only=True, dtype=dtype, **options).to(device)
    pipeline.scheduler = diffusers.DDIMScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _by(pipeline: Any, subject: Subject) -> Draw:
    import torch

    def draw(prompt: str, seed: int, steps: int) -> np.ndarray:
        picture = pipeline(
            prompt, width=subject.side, height=subject.side, num_inference_steps=steps, guidance_scale=GUIDANCE,
            generator=torch.Generator().manual_seed(seed), output_type="np",
        ).images[0]  # fmt: skip
        return (picture * 255).round().astype(np.uint8)

    return draw
