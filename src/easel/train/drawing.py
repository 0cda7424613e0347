"""Pictures of an exported folder, by diffusers' own pipeline or by Easel's engine."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from easel.domain.errors import GenerationFailed
from easel.domain.sampling import Sampler, Spacing
from easel.train.checkpoint import read_json

Draw = Callable[[list[str], list[int]], list[np.ndarray]]
"""Prompts and seeds to pictures, height x width x 3 bytes."""


def from_pipeline(folder: Path, *, steps: int = 25, guidance: float = 4.0, adapter: Path | None = None) -> Draw:
    """Draw with the exported folder, through diffusers' own pipeline: what is judged is what is shipped.

    `adapter` is a LoRA's file, loaded by diffusers too.
    """
    import torch
    from diffusers import StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None, dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    if adapter is not None:
        pipeline.load_lora_weights(adapter.parent, weight_name=adapter.name)

    def draw(texts: list[str], seeds: list[int]) -> list[np.ndarray]:
        noise = [torch.Generator().manual_seed(seed) for seed in seeds]
        made = pipeline(
            texts, num_inference_steps=steps, guidance_scale=guidance, generator=noise, output_type="np"
        ).images
        return [(picture * 255).round().astype(np.uint8) for picture in made]

    return draw


def from_engine(folder: Path, **settings: Any) -> Draw:
    """Draw with the engine, whose samplers and spacings diffusers does not all have. `settings` as Studio's."""
    studio = Studio(folder, **settings)
    return lambda texts, seeds: studio.draw([{"prompt": t, "seed": s} for t, s in zip(texts, seeds, strict=True)])


class Studio:
    """The engine with one folder, for any of its tasks."""

    def __init__(
        self,
        folder: Path,
        *,
        steps: int = 25,
        guidance: float = 4.0,
        sampler: Sampler = Sampler.DDIM,
        spacing: Spacing = Spacing.MODEL,
        backend: str = "auto",
    ) -> None:
        from easel.engine.engine import Engine
        from easel.engine.families import family_of
        from easel.engine.request import Checkpoint
        from easel.engine.runner import TorchRunner

        # Calls of many sizes are free where nothing is compiled for them.
        runner = TorchRunner("cpu", threads=1, backend=backend)
        self._engine = Engine(runner, max_rows=20, deterministic=backend != "auto")
        side = native_side(folder)
        self._common = {
            "checkpoint": Checkpoint(name=folder.name, family=family_of(folder), folder=folder),
            "negative_prompt": "", "width": side, "height": side,
            "steps": steps, "guidance": guidance, "sampler": sampler, "spacing": spacing,
        }  # fmt: skip

    def draw(self, asked: Sequence[dict[str, Any]]) -> list[np.ndarray]:
        """One picture for each set of a PictureRequest's fields: prompt and seed, and a picture to begin from."""
        from easel.engine.events import Failed, Finished
        from easel.engine.request import PictureRequest

        for number, fields in enumerate(asked):
            self._engine.add(PictureRequest(id=str(number), **{**self._common, **fields}))
        made: dict[str, np.ndarray] = {}
        while not self._engine.is_idle:
            for event in self._engine.step():
                if isinstance(event, Finished):
                    made[event.id] = event.image
                elif isinstance(event, Failed):
                    raise GenerationFailed(event.error)
        return [made[str(number)] for number in range(len(asked))]


def native_side(folder: Path) -> int:
    """Pixels along a side of the pictures that a checkpoint was trained on."""
    return read_json(folder / "unet" / "config.json")["sample_size"] * latent_pixels(folder)


def latent_pixels(folder: Path) -> int:
    """Pixels along a side that one latent of a checkpoint stands for."""
    return 2 ** (len(read_json(folder / "vae" / "config.json")["block_out_channels"]) - 1)
