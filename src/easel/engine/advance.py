"""The step that follows a network call: one expression for all pictures of the call, whatever their samplers."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from easel.domain.prompt import Reading
from easel.engine.families.base import Conditioning
from easel.engine.samplers.table import Mix, Step


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """A picture of which a part is kept (Lugmayr et al., arXiv:2201.09865, without going back)."""

    source: torch.Tensor
    """Its latents."""
    noise: torch.Tensor
    """The noise that the run began from: the kept part goes down the same path as what is drawn beside it."""
    mask: torch.Tensor
    """1 x h x w: 1 is drawn anew, 0 is kept."""

    def beside(self, drawn: torch.Tensor, lands: Mix) -> torch.Tensor:
        """What was drawn, with what is kept at the same level of noise in its place."""
        kept = lands.alpha * self.source + lands.sigma * self.noise
        return self.mask * drawn + (1 - self.mask) * kept


@dataclass(slots=True, eq=False)
class Canvas:
    """A picture's tensors. Latents are channels x h x w, float32, on the runner's device."""

    latents: torch.Tensor
    conditioning: dict[Reading, Conditioning]
    """What the network reads for each reading of the picture's rows."""
    generator: torch.Generator
    """On the CPU, and the picture's own: noise comes in the picture's order, whatever the neighbours and the device."""
    history: int
    """How many predictions its sampler looks back on."""
    predictions: list[torch.Tensor] = field(default_factory=list[torch.Tensor])
    """Newest first."""
    kept: torch.Tensor | None = None
    drawn: torch.Tensor | None = None
    """Noise of the step at hand, on the CPU: a step that failed and is taken again draws no other."""
    known: Known | None = None
    beside: torch.Tensor | None = None
    """What an inpainting network reads beside the latents."""
    is_shown: bool = False
    """Whether previews are asked for, and so `clean` is kept."""
    clean: torch.Tensor | None = None
    """What the network last saw as the picture without noise."""


def draw_noise(canvases: Sequence[Canvas], steps: Sequence[Step]) -> None:
    """Draw what the steps need, before anything can fail."""
    for canvas, step in zip(canvases, steps, strict=True):
        if step.noise and canvas.drawn is None:
            canvas.drawn = torch.randn(canvas.latents.shape, generator=canvas.generator, dtype=torch.float32)


def advance(canvases: Sequence[Canvas], steps: Sequence[Step], latents: torch.Tensor, answers: torch.Tensor) -> None:
    """Move every canvas one step on. `latents` are theirs, stacked; `answers` are the network's, guidance applied.

    All of them move or, when it raises, none.
    Each term is one elementwise product over the whole stack, so a row's bits do not depend on its neighbours: a term
    that a row does not have is a zero added.
    """

    draw_noise(canvases, steps)

    ages = max(len(step.predictions) for step in steps)
    numbers = [
        [step.prediction.x, step.prediction.out, step.keep, step.kept, step.noise]
        + [_weight(step, age) for age in range(ages)]
        for step in steps
    ]
    # One tensor of all coefficients: on a small network, many small ones take as long as the sums themselves.
    columns = torch.tensor(numbers, dtype=torch.float32).to(latents.device).view(len(steps), -1, 1, 1, 1).unbind(1)
    x, out, keep, keep_older, noisy, newest_weight, *older_weights = columns

    prediction = x * latents
    prediction += out * answers
    remembered = [_remember(canvas, newest) for canvas, newest in zip(canvases, prediction, strict=True)]

    moved = keep * latents
    moved += newest_weight * prediction
    for age, weight in enumerate(older_weights, start=1):
        moved += weight * torch.stack([past[age] if age < len(past) else past[0] for past in remembered])
    if any(step.kept for step in steps):
        kept = [own if canvas.kept is None else canvas.kept for canvas, own in zip(canvases, latents, strict=True)]
        moved += keep_older * torch.stack(kept)
    if any(step.noise for step in steps):
        noise = [
            torch.zeros_like(latents[0]) if canvas.drawn is None else canvas.drawn.to(latents.device)
            for canvas in canvases
        ]
        moved += noisy * torch.stack(noise)

    landed = [
        own if canvas.known is None else canvas.known.beside(own, step.lands)
        for canvas, step, own in zip(canvases, steps, moved, strict=True)
    ]
    clean = [
        step.clean.x * own + step.clean.out * answer if canvas.is_shown else None
        for canvas, step, own, answer in zip(canvases, steps, latents, answers, strict=True)
    ]

    for at, (canvas, step) in enumerate(zip(canvases, steps, strict=True)):
        canvas.kept = latents[at] if step.keeps else canvas.kept
        canvas.predictions = remembered[at]
        canvas.latents = landed[at]
        canvas.clean = clean[at]
        canvas.drawn = None


def _remember(canvas: Canvas, newest: torch.Tensor) -> list[torch.Tensor]:
    return [newest, *canvas.predictions][: canvas.history]


def _weight(step: Step, age: int) -> float:
    return step.predictions[age] if age < len(step.predictions) else 0.0
