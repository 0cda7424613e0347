"""What is being drawn for a client: the oldest request of its key that has not ended.

A1111 has one queue, which everybody sees. Here a client sees its own: a request is several orders when it asks for more
pictures than the model draws at once, and each order is one of A1111's jobs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.orm import Session

from easel.accounts.tables import ApiKey
from easel.gateway.dialects.automatic1111.options import DIALECT
from easel.generations.cancel import cancel
from easel.generations.queries import GenerationView, list_unfinished, list_views
from easel.jobs.states import JobState
from easel.kit.clock import Clock

BEGUN: Final = 0.01
"""What A1111 calls the progress of a request that no step was taken of."""
LATEST: Final = 10


@dataclass(frozen=True, slots=True)
class Sight:
    """A client's orders as they stand."""

    unfinished: Sequence[GenerationView]
    """Of all its requests, oldest first."""
    latest: GenerationView | None
    """The newest, ended or not."""

    @property
    def current(self) -> GenerationView | None:
        return self.unfinished[0] if self.unfinished else None


def look(session: Session, clock: Clock, used: ApiKey) -> Sight:
    unfinished = [view for view in list_unfinished(session, clock, used.account_id) if _is_of(view, used)]
    if unfinished:
        return Sight(unfinished, unfinished[-1])
    newest = list_views(session, clock, used.account_id, limit=LATEST)
    return Sight([], next((view for view in newest if _is_of(view, used)), None))


def stop(session: Session, clock: Clock, used: ApiKey, *, only_one: bool) -> None:
    """End the oldest request, or only its oldest order. What is not drawn costs nothing."""
    sight = look(session, clock, used)
    if sight.current is None:
        return
    request = sight.current.details["request"]
    ours = [view for view in sight.unfinished if view.details["request"] == request]
    for view in ours[:1] if only_one else ours:
        cancel(session, clock, used.account_id, view.id)


def progress(sight: Sight, current_image: str | None) -> dict[str, Any]:
    view = sight.current
    if view is None:
        return {"progress": 0.0, "eta_relative": 0.0, "state": state(sight), "current_image": None, "textinfo": None}
    return {
        "progress": share_of(view),
        "eta_relative": eta_of(sight, view),
        "state": state(sight),
        "current_image": current_image,
        "textinfo": waiting(view),
    }


def state(sight: Sight) -> dict[str, Any]:
    """Of the request in hand; otherwise of the last one, with no job, as A1111 leaves it."""
    view = sight.current or sight.latest
    if view is None:
        return _state("", 0, 0, "0", 0, 0, interrupted=False)
    step, steps = steps_of(view)
    return _state(
        view.details["job"] if sight.current else "",
        view.details["of"] if sight.current else 0,
        view.details["number"],
        timestamp(view),
        step,
        steps,
        interrupted=view.state is JobState.CANCELLED,
    )


def share_of(view: GenerationView) -> float:
    """Of its request, from 0 to 1."""
    of_order = view.step / view.steps if view.steps else 0.0
    return round(min(1.0, BEGUN + (view.details["number"] + of_order) / view.details["of"]), 4)


def eta_of(sight: Sight, view: GenerationView) -> float:
    """Seconds until the request's last order is there."""
    ours = [one for one in sight.unfinished if one.details["request"] == view.details["request"]]
    return max(one.eta_seconds for one in ours)


def waiting(view: GenerationView) -> str | None:
    if view.queue_position is None:
        return None
    return f"In the queue, {view.queue_position} before it" if view.queue_position else "Next in the queue"


def task(sight: Sight, name: str) -> GenerationView | None:
    """The first unfinished order of the request that was sent with this force_task_id."""
    return next((view for view in sight.unfinished if view.details.get("task") == name), None)


def steps_of(view: GenerationView) -> tuple[int, int]:
    """Of one picture; an order counts the steps of all."""
    samples = view.request.samples
    return view.step // samples, view.request.steps_taken


def timestamp(view: GenerationView) -> str:
    return f"{view.created_at:%Y%m%d%H%M%S}"


def _is_of(view: GenerationView, used: ApiKey) -> bool:
    return view.details.get("dialect") == DIALECT and view.details.get("key") == used.id


def _state(
    job: str, job_count: int, job_no: int, job_timestamp: str, step: int, steps: int, *, interrupted: bool
) -> dict[str, Any]:
    return {
        "skipped": False,
        "interrupted": interrupted,
        "stopping_generation": False,
        "job": job,
        "job_count": job_count,
        "job_timestamp": job_timestamp,
        "job_no": job_no,
        "sampling_step": step,
        "sampling_steps": steps,
    }
