"""What the output panel shows of a generation; plain data, the same for the page and for the live stream."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final, Literal

from easel.artifacts.links import LinkSigner
from easel.domain.money import Micros
from easel.generations.queries import GenerationView
from easel.jobs.states import JobState
from easel.site.words import ahead, seconds

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
    reference: str
    """How a form names it as the picture to begin from (site/beginnings.py)."""


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
    preview: str | None = None
    """Address of the newest picture on the way, of the first sheet."""
    drawn: float = 0.0
    """How far it has come, from 0 to 1."""

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
    width, height = request.output_size
    return Output(
        state=STATES[view.state],
        width=width,
        height=height,
        samples=request.samples,
        steps=request.steps_taken,
        generation_id=view.id,
        prompt=request.prompt,
        sentence=_sentence(view),
        pictures=_pictures(view, links) if view.state is JobState.DONE and not view.expired else (),
        notes=tuple(view.notes),
        cost=view.cost,
        seconds=view.seconds,
        preview=links.path(view.preview_key) if view.preview_key else None,
        drawn=view.step / view.steps if view.steps else 0.0,
    )


def _sentence(view: GenerationView) -> str:
    match view.state:
        case JobState.QUEUED:
            return f"{ahead(view.queue_position)} About {seconds(view.eta_seconds)}."
        case JobState.FAILED:
            return view.error or "The picture could not be drawn."
        case JobState.DONE if view.expired:
            return "These pictures are stored no longer. Generate draws the same ones again while their seed stands."
        case _:
            return ""


def _pictures(view: GenerationView, links: LinkSigner) -> tuple[Picture, ...]:
    return tuple(
        Picture(
            address=links.path(key),
            file_name=f"{view.request.model_id}-{view.request.seed_of(index)}{PurePosixPath(key).suffix}",
            seed=view.request.seed_of(index),
            reference=f"{view.id}.{index}",
        )
        for index, key in enumerate(view.artifact_keys)
    )
