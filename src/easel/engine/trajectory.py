"""One picture on its way from noise: what the scheduler must know of it. Its tensors are the runner's."""

from dataclasses import dataclass, field

from easel.domain.panorama import seen, windows
from easel.engine.prompts.script import Script
from easel.engine.request import AdapterMix, PictureRequest
from easel.engine.samplers.table import Mix, Plan, Step


@dataclass(slots=True, eq=False)
class Trajectory:
    """Plain data; one engine changes it, tick by tick."""

    request: PictureRequest
    plan: Plan
    merged: tuple[AdapterMix, ...] = ()
    """Those of its adapters that must be in the network's own weights: its calls are for pictures with just these."""
    due: int = 0
    """When the picture should be finished, by the scheduler's count of work."""
    done: int = 0
    """Network calls behind it."""
    is_prepared: bool = False
    notes: list[str] = field(default_factory=list[str])
    before: int = 0
    """Steps of the pass before this one, and of the one after it."""
    after: int = 0
    script: Script = field(init=False)

    def __post_init__(self) -> None:
        """Raises InvalidRequest for prompts that cannot be drawn."""
        self.script = Script.of(self.request, self.steps)

    @property
    def id(self) -> str:
        return self.request.id

    @property
    def rows(self) -> int:
        """That its calls take: those of its texts, in each window of a panorama."""
        request = self.request
        return self.script.rows * windows(request.width, request.height, request.window)

    @property
    def step(self) -> Step:
        """The step that the next network call is for."""
        return self.plan.steps[self.done]

    @property
    def mix(self) -> Mix:
        """What its latents hold now."""
        return self.plan.mix_at(self.done)

    @property
    def is_done(self) -> bool:
        return self.done == len(self.plan.steps)

    @property
    def steps(self) -> int:
        """In the request's count: fewer than it names where it begins from a picture."""
        return self.plan.taken

    @property
    def steps_done(self) -> int:
        """In the request's count: a solver of two calls a step moves on at every other call."""
        return self._steps_after(self.done)

    @property
    def has_just_done_a_step(self) -> bool:
        return self.steps_done > self._steps_after(self.done - 1)

    def _steps_after(self, calls: int) -> int:
        return calls * self.plan.taken // len(self.plan.steps)

    @property
    def is_due_for_preview(self) -> bool:
        every = self.request.preview_every
        return every > 0 and not self.is_done and self.has_just_done_a_step and self.steps_done % every == 0

    @property
    def work_per_call(self) -> int:
        """Pixels that the network sees, which its time grows with."""
        request = self.request
        rows = self.script.rows + (request.alteration.self_attention > 0)
        return rows * seen(request.width, request.height, request.window)

    @property
    def work(self) -> int:
        return self.work_per_call * len(self.plan.steps)

    @property
    def work_left(self) -> int:
        return self.work_per_call * (len(self.plan.steps) - self.done)
