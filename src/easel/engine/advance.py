"""The step that follows a network call: one expression for all pictures of the call, whatever their samplers."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from easel.engine.families.base import Conditioning
from easel.engine.samplers.table import Step


@dataclass(slots=True, eq=False)
class Canvas:
    """A picture's tensors. Latents are channels x h x w, float32, on the runner's device."""

    latents: torch.Tensor
    conditioning: dict[str, Conditioning]
    """What the network reads for each text of the picture's rows."""
    generator: torch.Generator
    """On the CPU, and the picture's own: noise comes in the picture's order, whatever the neighbours and the device."""
    history: int
    """How many predictions its sampler looks back on."""
    predictions: list[torch.Tensor] = field(default_factory=list[torch.Tensor])
    """Newest first."""
    kept: torch.Tensor | None = None


def draw_noise(canvas: Canvas) -> torch.Tensor:
    """Unit Gaussian noise in the shape of the latents."""
    shape, device = canvas.latents.shape, canvas.latents.device
    return torch.randn(shape, generator=canvas.generator, dtype=torch.float32).to(device)


def advance(canvases: Sequence[Canvas], steps: Sequence[Step], latents: torch.Tensor, answers: torch.Tensor) -> None:
    """Move every canvas one step on. `latents` are theirs, stacked; `answers` are the network's, guidance applied.

    Each term is one elementwise product over the whole stack, so a row's bits do not depend on its neighbours: a term
    that a row does not have is a zero added.
    """

    def column(numbers: list[float]) -> torch.Tensor:
        return torch.tensor(numbers, dtype=torch.float32).to(latents.device).view(-1, 1, 1, 1)

    prediction = column([step.prediction.x for step in steps]) * latents
    prediction += column([step.prediction.out for step in steps]) * answers
    remembered = [_remember(canvas, newest) for canvas, newest in zip(canvases, prediction, strict=True)]

    moved = column([step.keep for step in steps]) * latents
    moved += column([step.predictions[0] for step in steps]) * prediction
    for age in range(1, max(len(step.predictions) for step in steps)):
        older = [past[age] if age < len(past) else past[0] for past in remembered]
        moved += column([_weight(step, age) for step in steps]) * torch.stack(older)
    if any(step.kept for step in steps):
        kept = [own if canvas.kept is None else canvas.kept for canvas, own in zip(canvases, latents, strict=True)]
        moved += column([step.kept for step in steps]) * torch.stack(kept)
    if any(step.noise for step in steps):
        noise = [
            draw_noise(canvas) if step.noise else torch.zeros_like(canvas.latents)
            for canvas, step in zip(canvases, steps, strict=True)
        ]
        moved += column([step.noise for step in steps]) * torch.stack(noise)

    for at, (canvas, step) in enumerate(zip(canvases, steps, strict=True)):
        canvas.kept = latents[at] if step.keeps else canvas.kept
        canvas.predictions = remembered[at]
        canvas.latents = moved[at]


def _remember(canvas: Canvas, newest: torch.Tensor) -> list[torch.Tensor]:
    return [newest, *canvas.predictions][: canvas.history]


def _weight(step: Step, age: int) -> float:
    return step.predictions[age] if age < len(step.predictions) else 0.0
