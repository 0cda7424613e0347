"""What the output panel shows of a generation; plain data, the same for the page and for the live stream."""

from dataclasses import dataclass
from typing import Final, Literal

from easel.artifacts.links import LinkSigner
from easel.domain.money import Micros
from easel.domain.request import GenerationRequest
from easel.generations.queries import GenerationView
from easel.jobs.states import JobState
from easel.site.words import ahead

State = Literal["idle", "queued", "generating", "done", "failed", "cancelled"]

STATES: Final[dict[JobState, State]] = {
    JobState.QUEUED: "queued",
    JobState.RUNNING: "generating",
    JobState.DONE: "done",
    JobState.FAILED: "failed",
    JobState.CANCELLED: "cancelled",
}


@dataclass(frozen=True)
class Picture:
    address: str
    file_name: str
    seed: int


@dataclass(frozen=True)
class Output:
    state: State
    width: int
    height: int
    samples: int = 1
    steps: int = 0
    generation_id: int | None = None
    prompt: str = ""
    sentence: str = ""
    pictures: tuple[Picture, ...] = ()
    notes: tuple[str, ...] = ()
    cost: Micros | None = None
    seconds: float | None = None

    @property
    def label(self) -> str:
        return self.state.capitalize()

    @property
    def is_in_flight(self) -> bool:
        return self.state in ("queued", "generating")

    @property
    def is_final(self) -> bool:
        return self.state in ("done", "failed", "cancelled")


def output_of(view: GenerationView, links: LinkSigner) -> Output:
    request = view.request
    return Output(
        state=STATES[view.state],
        width=request.width,
        height=request.height,
        samples=request.samples,
        steps=request.steps,
        generation_id=view.id,
        prompt=request.prompt,
        sentence=_sentence(view),
        pictures=_pictures(view.artifact_keys, request, links) if view.state is JobState.DONE else (),
        notes=tuple(view.notes),
        cost=view.cost,
        seconds=view.seconds,
    )


def _sentence(view: GenerationView) -> str:
    match view.state:
        case JobState.QUEUED:
            return ahead(view.queue_position)
        case JobState.FAILED:
            return view.error or "The picture could not be drawn."
        case _:
            return ""


def _pictures(keys: list[str], request: GenerationRequest, links: LinkSigner) -> tuple[Picture, ...]:
    seeds = [request.seed_of(index) for index in range(request.samples)]
    return tuple(
        Picture(links.path(key), f"{request.model_id}-{seed}.png", seed) for key, seed in zip(keys, seeds, strict=True)
    )
