"""Whatever arrives, and whenever: what must hold of every tick."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from easel.domain.sampling import Sampler, Spacing
from easel.engine.engine import Engine
from easel.engine.events import Finished, Progress
from easel.engine.fake import FakeRunner
from easel.engine.request import Checkpoint, PictureRequest

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
