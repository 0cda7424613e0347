"""The engine: every picture in flight, one network call at a time."""

import logging
from collections.abc import Callable, Collection
from typing import Protocol

import numpy as np

from easel.domain.errors import DomainError
from easel.engine.batch import Batch
from easel.engine.costs import Costs
from easel.engine.decoding import Decode, Decoded, Decoding
from easel.engine.events import Event, Failed, Finished, Image, Preview, Progress
from easel.engine.failures import DeviceLost, too_large
from easel.engine.library import Readiness
from easel.engine.request import AdapterMix, Checkpoint, PictureRequest, check, second
from easel.engine.samplers.table import Plan
from easel.engine.scheduler import Scheduler
from easel.engine.trajectory import Trajectory

log = logging.getLogger(__name__)

LOADING_SECONDS = 0.05
"""How long a tick without a picture that can move waits for weights: short, so that arrivals and cancellations pass."""
DECODE_PATIENCE = 0.02
"""Seconds that a tick without a call waits for a decode, so that nobody spins."""


class Runner(Protocol):
    """What computes. It keeps the tensors of each prepared picture, by id, until they are released.

    A method that raises leaves every picture as it was before the call. MemoryError says that a smaller call may
    succeed, DeviceLost that no call ever will.
    """

    @property
    def max_checkpoints(self) -> int:
        """Of how many checkpoints pictures may be under way at once."""
        ...

    @property
    def costs(self) -> Costs:
        """What its calls take, as it measures them."""
        ...

    def plan(self, request: PictureRequest) -> Plan:
        """The run of `request`. Cheap: reads the checkpoint's settings, not its weights. Raises InvalidRequest."""
        ...

    def ask(self, request: PictureRequest, beside: Collection[Checkpoint]) -> Readiness:
        """Whether the weights that `request` needs are there; their load begins, in the background, if it can.

        Weights of the checkpoints `beside` stay where they are. Weights that will never be there are ready: `prepare`
        says what is wrong with them.
        """
        ...

    def wait(self, seconds: float) -> None:
        """Until the load under way is over, and at most so long."""
        ...

    def merged(self, request: PictureRequest) -> tuple[AdapterMix, ...]:
        """Those of the request's adapters that no call with others can have. Cheap: reads the heads of their files.

        Raises InvalidRequest for a file that is no adapter.
        """
        ...

    def prepare(self, picture: Trajectory) -> tuple[str, ...]:
        """Encode the prompts, draw the first noise. Answers notes for the customer. Raises what `ask` ran into."""
        ...

    def denoise(self, batch: Batch) -> None:
        """One network call over the batch's rows; each of its pictures, all prepared, goes one step on."""
        ...

    @property
    def decodes_beside(self) -> bool:
        """Whether a decode costs other pictures less on a thread of its own than between their calls."""
        ...

    def preview(self, picture: Trajectory) -> Image:
        """A small image of what the picture is about to become, after at least one call."""
        ...

    def decode(self, picture: Trajectory) -> Decode:
        """What makes the picture out of its last latents, on any thread, also after its release.

        It raises GenerationFailed when they are not numbers.
        """
        ...

    def release(self, id: str) -> None:
        """Forget the picture; no harm if it is not there."""
        ...


class Engine:
    """Turns picture requests into pictures, in ticks.

    One thread owns an engine and makes all calls to it. Nothing here waits while a picture can move: a tick takes as
    long as its network call. When all pictures wait for weights or for decodes, a tick takes a moment and does nothing.
    """

    def __init__(self, runner: Runner, *, max_rows: int = 8, deterministic: bool = True) -> None:
        """`deterministic` gives each picture its own network calls, two rows when guided and one otherwise, whatever
        `max_rows` says: then a picture is the same bit for bit, whoever its neighbours are. Pictures still take turns.
        """
        self._runner = runner
        self._scheduler = Scheduler(
            max_rows=max_rows,
            deterministic=deterministic,
            max_checkpoints=runner.max_checkpoints,
            costs=runner.costs,
        )
        self._decoding = Decoding(beside=runner.decodes_beside)

    @property
    def is_idle(self) -> bool:
        return len(self._scheduler) == 0 and len(self._decoding) == 0

    def add(self, request: PictureRequest) -> None:
        """Take a picture on. Raises InvalidRequest for what can never be drawn, and ValueError for an id in flight."""
        if request.id in self._scheduler or request.id in self._decoding:
            raise ValueError(f"picture {request.id} is already in flight")
        check(request)
        after = 0
        if request.again:
            later = second(request, np.zeros((request.again.height, request.again.width, 3), dtype=np.uint8))
            check(later)
            after = self._runner.plan(later).taken
        self._start(request, after=after)

    def _start(self, request: PictureRequest, *, before: int = 0, after: int = 0) -> Trajectory:
        plan = self._runner.plan(request)
        picture = Trajectory(
            request, plan, self._runner.merged(request), notes=list(plan.notes), before=before, after=after
        )
        self._scheduler.add(picture)
        return picture

    def cancel(self, id: str) -> None:
        """Drop the picture; no event follows. No harm if it is not here any more."""
        self._scheduler.remove(id)
        self._decoding.drop(id)
        self._runner.release(id)

    def why_waiting(self, id: str) -> str | None:
        """Why the picture was not in the last tick; None when it was, or is not here."""
        return self._scheduler.why_waiting(id)

    def step(self) -> list[Event]:
        """One tick: choose the pictures, make the network call, record how far they are; hand on what is decoded.

        Raises DeviceLost: the process can draw nothing any more.
        """
        batch = self._scheduler.next_batch(lambda picture, beside: self._runner.ask(picture.request, beside))
        if batch is None:
            return self._wait()
        ready, unprepared = self._prepare(batch)
        moved, failed = self._denoise(ready)
        self._scheduler.record(moved)
        return [*unprepared, *failed, *self._report(moved), *self._finish(0)]

    def _wait(self) -> list[Event]:
        """No picture can move: for a moment, for what may change that."""
        if len(self._decoding):
            return self._finish(DECODE_PATIENCE)
        if len(self._scheduler):
            self._runner.wait(LOADING_SECONDS)
        return []

    def _prepare(self, batch: Batch) -> tuple[Batch, list[Event]]:
        """The pictures of `batch` that are ready for their next call, and the failures of the others."""
        ready: list[Trajectory] = []
        failures: list[Event] = []
        for picture in batch.pictures:
            failure = None if picture.is_prepared else self._attempt(picture, self._prepare_one)
            if failure:
                failures.append(failure)
            else:
                ready.append(picture)
        return batch.only(ready), failures

    def _prepare_one(self, picture: Trajectory) -> None:
        picture.notes.extend(self._runner.prepare(picture))
        picture.is_prepared = True

    def _denoise(self, batch: Batch) -> tuple[Batch, list[Event]]:
        """The pictures of `batch` that moved, and the failures of the others.

        A call that fails for many is made again in parts: in halves where memory was short, and then for a while no
        larger one is tried; otherwise for each picture alone, so that only the one at fault ends.
        """
        if len(batch.pictures) <= 1:
            return self._denoise_alone(batch)
        try:
            self._runner.denoise(batch)
        except MemoryError:
            parts = batch.halves()
            log.warning("no memory for a call of %d pictures; trying halves", len(batch.pictures))
            self._scheduler.limit(batch.key, rows=max(len(part.rows) for part in parts))
        except DeviceLost:
            raise
        except Exception:
            parts = [batch.only([picture]) for picture in batch.pictures]
            log.warning("a call for %d pictures failed; trying each alone", len(batch.pictures), exc_info=True)
        else:
            return batch, []
        ended = [self._denoise(part) for part in parts]
        moved = [picture for part, _ in ended for picture in part.pictures]
        return batch.only(moved), [failure for _, failures in ended for failure in failures]

    def _denoise_alone(self, batch: Batch) -> tuple[Batch, list[Event]]:
        for picture in batch.pictures:
            if failure := self._attempt(picture, lambda _: self._runner.denoise(batch)):
                return batch.only([]), [failure]
        return batch, []

    def _report(self, batch: Batch) -> list[Event]:
        events: list[Event] = []
        for picture in batch.pictures:
            if picture.has_just_done_a_step:
                steps = picture.before + picture.steps + picture.after
                events.append(Progress(picture.id, picture.before + picture.steps_done, steps))
            if picture.is_due_for_preview:
                events += self._preview(picture)
            if picture.is_done and (failure := self._attempt(picture, self._leave)):
                events.append(failure)
        return events

    def _preview(self, picture: Trajectory) -> list[Event]:
        """Nobody loses a picture for want of a preview of it."""
        try:
            return [Preview(picture.id, picture.before + picture.steps_done, self._runner.preview(picture))]
        except DeviceLost:
            raise
        except Exception:
            log.warning("no preview of picture %s", picture.id, exc_info=True)
            return []

    def _leave(self, picture: Trajectory) -> None:
        """Out of the ticks: what is left is the decode, which holds what it needs."""
        decode = self._runner.decode(picture)
        self.cancel(picture.id)
        self._decoding.add(picture, decode)

    def _finish(self, patience: float) -> list[Event]:
        ended = [self._ended(picture, decode) for picture, decode in self._decoding.take(patience)]
        return [event for event in ended if event]

    def _ended(self, picture: Trajectory, decode: Decode) -> Event | None:
        found: list[Decoded] = []
        if failure := self._attempt(picture, lambda _: found.append(decode())):
            return failure
        notes = (*picture.notes, *found[0].notes)
        if picture.request.again is None:
            return Finished(picture.id, found[0].image, notes)
        return self._attempt(picture, lambda first: self._draw_again(first, found[0].image, notes))

    def _draw_again(self, first: Trajectory, drawn: Image, notes: tuple[str, ...]) -> None:
        picture = self._start(second(first.request, drawn), before=first.steps)
        picture.notes = list(dict.fromkeys([*notes, *picture.notes]))

    def _attempt(self, picture: Trajectory, act: Callable[[Trajectory], None]) -> Failed | None:
        """Do `act`. Whatever it raises ends this picture and no other."""
        try:
            act(picture)
        except DomainError as refusal:
            return self._fail(picture, refusal.message)
        except MemoryError as error:
            log.warning("no memory for picture %s at call %d: %s", picture.id, picture.done, error)
            return self._fail(picture, too_large(error), is_short_of_memory=True)
        except DeviceLost:
            raise
        except Exception as error:
            log.exception("picture %s failed at call %d", picture.id, picture.done)
            return self._fail(
                picture,
                f"An error inside the engine ({type(error).__name__}) ended the picture: try again, "
                "or ask the operator, whose log has the details.",
            )
        return None

    def _fail(self, picture: Trajectory, sentence: str, *, is_short_of_memory: bool = False) -> Failed:
        self.cancel(picture.id)
        return Failed(picture.id, sentence, is_short_of_memory)
