"""Whatever arrives, and whenever: what must hold of every tick."""

from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from easel.domain.sampling import Sampler, Spacing
from easel.engine.costs import Costs
from easel.engine.engine import Engine
from easel.engine.events import Finished, Progress
from easel.engine.fake import FakeRunner
from easel.engine.request import Checkpoint, PictureRequest
from easel.engine.scheduler import Scheduler
from easel.engine.trajectory import Trajectory

CHECKPOINTS = [Checkpoint(name=name, family="sd2", folder=Path(f"/{name}")) for name in "xyz"]


@st.composite
def arrivals(draw) -> list[tuple[int, PictureRequest]]:
    """Requests of all kinds, each with the number of ticks after which it comes."""
    count = draw(st.integers(1, 12))
    return [
        (
            draw(st.integers(0, 10)),
            PictureRequest(
                id=str(number),
                checkpoint=draw(st.sampled_from(CHECKPOINTS)),
                prompt="a cat",
                negative_prompt="",
                width=draw(st.sampled_from([64, 128])),
                height=64,
                steps=draw(st.integers(1, 12)),
                guidance=draw(st.sampled_from([1.0, 5.0])),
                seed=number,
                sampler=draw(st.sampled_from([Sampler.DDIM, Sampler.HEUN])),
                spacing=Spacing.MODEL,
            ),
        )
        for number in range(count)
    ]


@st.composite
def streams(draw) -> list[tuple[int, PictureRequest]]:
    """Some pictures at first, then others again and again, after the same ticks: as good as for ever."""
    first, pattern = draw(arrivals()), draw(arrivals())
    rounds = draw(st.integers(1, 60 // len(pattern)))
    lasts = draw(st.integers(1, 12))
    again = [
        (number * lasts + at, replace(request, id=f"{request.id} of round {number}"))
        for number in range(rounds)
        for at, request in pattern
    ]
    return [*first, *again]


@settings(deadline=None, max_examples=100)
@given(arrivals(), st.integers(2, 9), st.booleans(), st.integers(1, 3), st.integers(0, 5), st.integers(1, 4))
def test_every_tick_moves_pictures_that_may_share_it_and_every_picture_ends(
    asked: list[tuple[int, PictureRequest]],
    max_rows: int,
    deterministic: bool,
    max_checkpoints: int,
    load_ticks: int,
    room: int,
) -> None:
    runner = FakeRunner(max_checkpoints=max_checkpoints, load_ticks=load_ticks, room=room)
    engine = Engine(runner, max_rows=max_rows, deterministic=deterministic)
    requests = {request.id: request for _, request in asked}
    waiting = sorted(asked, key=lambda arrival: arrival[0])
    seen: dict[str, list[int]] = {id: [] for id in requests}
    finished: set[str] = set()
    tick = 0
    while waiting or not engine.is_idle:
        while waiting and waiting[0][0] <= tick:
            engine.add(waiting.pop(0)[1])
        for event in engine.step():
            match event:
                case Progress(id, step):
                    seen[id].append(step)
                case Finished(id):
                    finished.add(id)
                case _:
                    raise AssertionError(event)
        tick += 1
    assert finished == set(requests)
    assert all(steps == list(range(1, requests[id].steps + 1)) for id, steps in seen.items())
    assert runner.held == 0
    for ids in runner.calls:
        together = [requests[id] for id in ids]
        assert len({(one.checkpoint, one.width, one.height) for one in together}) == 1
        rows = sum(2 if one.is_guided else 1 for one in together)
        assert len(ids) == 1 if deterministic else rows <= max_rows
    assert under_way_at_once(list(runner.calls), requests) <= min(max_checkpoints, room)


def under_way_at_once(calls: list[tuple[str, ...]], requests: dict[str, PictureRequest]) -> int:
    """The most checkpoints that had pictures between their first call and their last at any one time."""
    spans: dict[str, tuple[int, int]] = {}
    for number, ids in enumerate(calls):
        for id in ids:
            spans[id] = (spans.get(id, (number, number))[0], number)
    return max(
        len({requests[id].checkpoint for id, (first, last) in spans.items() if first <= number <= last})
        for number in range(len(calls))
    )


@settings(deadline=None, max_examples=150)
@given(
    streams(),
    st.integers(2, 9),
    st.booleans(),
    st.integers(1, 3),
    st.floats(0, 0.2),
)
def test_waiting_ages_so_that_nobody_starves_and_everybody_is_told_why(
    asked: list[tuple[int, PictureRequest]], max_rows: int, deterministic: bool, max_checkpoints: int, each: float
) -> None:
    """From the moment a picture is due, it is done after as many ticks as the pictures that were there by then have
    calls left: whatever comes later, for however long, waits behind it. And who is in no tick has a sentence that says
    why.
    """
    costs = Costs()
    chooser = Scheduler(max_rows=max_rows, deterministic=deterministic, max_checkpoints=max_checkpoints, costs=costs)
    waiting = sorted(asked, key=lambda arrival: arrival[0])
    pictures: dict[str, Trajectory] = {}
    ends: dict[str, int] = {}
    work_done = tick = 0
    while waiting or pictures:
        while waiting and waiting[0][0] <= tick:
            _, request = waiting.pop(0)
            plan = FakeRunner().plan(request)
            pictures[request.id] = Trajectory(request, plan)
            chooser.add(pictures[request.id])
            assert chooser.why_waiting(request.id)
        calls_left = sum(len(picture.plan.steps) - picture.done for picture in pictures.values())
        for id, picture in pictures.items():
            if work_done >= picture.due:
                ends.setdefault(id, tick + calls_left)
        batch = chooser.next_batch()
        tick += 1
        if batch is None:
            continue
        together = {picture.id for picture in batch.pictures}
        assert all((chooser.why_waiting(id) is None) == (id in together) for id in pictures)
        chooser.record(batch)
        rows = sum(picture.rows for picture in batch.pictures)
        costs.record(batch.key.kind, rows, 0.1 + each * rows)
        for picture in batch.pictures:
            picture.is_prepared = True
            work_done += picture.work_per_call
            if picture.is_done:
                chooser.remove(picture.id)
                del pictures[picture.id]
                assert tick <= ends.get(picture.id, tick), "it was due, and others that came later went first"
