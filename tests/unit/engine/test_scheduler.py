"""The choice of a batch: plain data in, plain data out."""

import random

import pytest

from easel.domain.sampling import Sampler
from easel.engine.batch import Batch, BatchKey, Row
from easel.engine.costs import ENOUGH, Costs
from easel.engine.fake import FakeRunner
from easel.engine.request import Checkpoint
from easel.engine.samplers import Plan
from easel.engine.samplers.table import FromNetwork, Mix, Step
from easel.engine.scheduler import STRETCH, Scheduler
from easel.engine.trajectory import Trajectory


def scheduler(*, max_rows: int = 8, deterministic: bool = False, max_checkpoints: int = 2) -> Scheduler:
    return Scheduler(max_rows=max_rows, deterministic=deterministic, max_checkpoints=max_checkpoints)


def said(row: Row) -> str:
    return " ".join(piece.text for section in row.reading for piece in section)


@pytest.fixture
def make(make_picture):
    """A trajectory of as many calls as steps are asked for."""

    def trajectory(id: str, **asked) -> Trajectory:
        request = make_picture(id, **asked)
        step = Step(
            timestep=0,
            prediction=FromNetwork(0, 1),
            keep=0,
            predictions=(1.0,),
            clean=FromNetwork(0, 1),
            lands=Mix(1, 0),
        )
        steps = (step,) * request.steps
        return Trajectory(request, Plan(noise=1, begins=Mix(0, 1), taken=request.steps, steps=steps))

    return trajectory


def tick(chooser: Scheduler) -> list[str]:
    """One tick as the engine makes it; the ids of its pictures."""
    batch = chooser.next_batch()
    if batch is None:
        return []
    for picture in batch.pictures:
        picture.is_prepared = True
    chooser.record(batch)
    for picture in batch.pictures:
        if picture.is_done:
            chooser.remove(picture.id)
    return [picture.id for picture in batch.pictures]


def ticks(chooser: Scheduler) -> list[list[str]]:
    seen: list[list[str]] = []
    while len(chooser):
        seen.append(tick(chooser))
    return seen


def test_pictures_that_differ_in_all_but_size_and_checkpoint_share_a_tick(make):
    chooser = scheduler()
    chooser.add(make("a", steps=3, guidance=7.5, seed=1, prompt="x"))
    chooser.add(make("b", steps=9, guidance=2.0, seed=2, prompt="y"))
    chooser.add(make("c", steps=4, guidance=1.0, seed=3, prompt="z"))
    assert sorted(tick(chooser)) == ["a", "b", "c"]


def test_a_guided_picture_takes_two_rows_and_an_unguided_one_takes_one(make):
    pictures = (make("a", guidance=1.0, prompt="one"), make("b", guidance=3.0, prompt="two", negative_prompt="not"))
    batch = Batch(BatchKey.of(pictures[0]), pictures)
    assert [(row.picture, said(row)) for row in batch.rows] == [(0, "one"), (1, "two"), (1, "not")]


def test_a_picture_of_several_prompts_takes_a_row_for_each(make):
    pictures = (
        make("a", guidance=3.0, prompt="one AND two :0.5 AND three :-1", negative_prompt="not"),
        make("b", guidance=2.0, prompt="four"),
    )
    assert [picture.rows for picture in pictures] == [4, 2]
    rows = Batch(BatchKey.of(pictures[0]), pictures).rows
    assert [(row.picture, said(row), row.factor) for row in rows] == [
        (0, "one", 3.0),
        (1, "four", 2.0),
        (0, "not", 0.0),
        (1, "", 0.0),
        (0, "two", 1.5),
        (0, "three", -3.0),
    ]
    assert [row.is_negative for row in rows] == [False, False, True, True, False, False]


def test_a_picture_of_more_rows_than_a_tick_has_still_has_its_tick(make):
    chooser = scheduler(max_rows=3)
    chooser.add(make("many", prompt="a AND b AND c AND d", steps=1))
    chooser.add(make("few", steps=1))
    assert sorted(ticks(chooser)) == [["few"], ["many"]]


def test_rows_read_what_is_said_at_the_pictures_step(make):
    picture = make("a", steps=4, guidance=2.0, prompt="[cat:dog:2]", negative_prompt="[|red]")
    read: list[tuple[str, str]] = []
    while not picture.is_done:
        first, negative = Batch(BatchKey.of(picture), (picture,)).rows
        read.append((said(first), said(negative)))
        picture.done += 1
    assert read == [("cat", ""), ("cat", "red"), ("dog", ""), ("dog", "red")]


def test_both_calls_of_a_step_read_the_same(make_picture):
    """Two calls a step but for the last: what Heun's method takes."""
    request = make_picture("a", steps=3, prompt="[a|b|c]", sampler=Sampler.HEUN)
    picture = Trajectory(request, FakeRunner().plan(request))
    read = ""
    while not picture.is_done:
        read += said(Batch(BatchKey.of(picture), (picture,)).rows[0])
        picture.done += 1
    assert read == "aabbc"


def test_a_tick_has_no_more_rows_than_allowed_and_fills_up_with_smaller_pictures(make):
    chooser = scheduler(max_rows=5)
    for id in "abc":
        chooser.add(make(id, guidance=7.5))
    chooser.add(make("d", guidance=1.0, steps=50))
    assert tick(chooser) == ["a", "b", "d"]
    assert chooser.why_waiting("c") == "the batch has 1 rows left, the picture takes 2"


def test_no_more_rows_share_a_tick_than_pay_and_those_left_out_are_told(make):
    costs = Costs()
    chooser = Scheduler(max_rows=8, deterministic=False, max_checkpoints=2, costs=costs)
    pictures = [make(id, steps=50) for id in "abcd"]
    for picture in pictures:
        chooser.add(picture)
    for rows in (8, 4, 2):
        for _ in range(ENOUGH + 1):
            assert 2 * len(tick(chooser)) == rows
            costs.record(BatchKey.of(pictures[0]).kind, rows, 0.1 * rows)
    [drawn] = tick(chooser)
    waiting = next(picture.id for picture in pictures if picture.id != drawn)
    assert chooser.why_waiting(waiting) == "calls of more than 2 rows take longer than they gain here"


def test_another_size_waits_for_its_own_tick_and_says_so(make):
    chooser = scheduler()
    chooser.add(make("a", width=64, height=64))
    chooser.add(make("b", width=128, height=64))
    assert tick(chooser) == ["a"]
    assert chooser.why_waiting("b") == "128x64 does not fit a batch of 64x64"
    assert chooser.why_waiting("a") is None
    assert chooser.why_waiting("unknown") is None


def test_deterministic_ticks_hold_one_picture_and_pictures_take_turns(make):
    chooser = scheduler(deterministic=True)
    chooser.add(make("a", steps=3))
    chooser.add(make("b", steps=3))
    assert ticks(chooser) == [["a"], ["b"], ["a"], ["b"], ["a"], ["b"]]


def test_a_short_picture_passes_a_long_one(make):
    chooser = scheduler(deterministic=True)
    chooser.add(make("long", steps=50))
    tick(chooser)
    chooser.add(make("short", steps=4))
    order = [ids[0] for ids in ticks(chooser)]
    assert order[:4] == ["short"] * 4


def test_a_long_picture_is_done_in_time_under_a_stream_of_short_ones(make):
    """Short ones come as fast as they are drawn, for ever. Once the long one has waited its stretch, it has every other
    tick at the least."""
    chooser = scheduler(deterministic=True)
    long = make("long", steps=50)
    chooser.add(long)
    for count in range(400):
        if count % 4 == 0:
            chooser.add(make(f"short{count}", steps=4))
        tick(chooser)
        if long.is_done:
            break
    assert long.is_done
    assert count <= (STRETCH - 1) * 50 + 2 * 50


def test_no_order_of_arrivals_starves_anyone(make):
    """With work coming in at the pace it is done, everyone waits a bounded number of ticks."""
    rng = random.Random(4)
    chooser = scheduler(deterministic=True)
    came: dict[str, tuple[int, int]] = {}
    ready_at = 0
    waits: list[float] = []
    for now in range(3000):
        if now >= ready_at:
            steps = rng.choice([4, 10, 20, 30, 50])
            chooser.add(make(f"p{now}", steps=steps))
            came[f"p{now}"] = (now, steps)
            ready_at = now + steps
        before = set(came)
        for id in tick(chooser):
            if id not in chooser:
                start, steps = came.pop(id)
                waits.append((now + 1 - start) / steps)
        assert before >= set(came)
    assert max(waits) <= 2 * STRETCH


def test_a_third_checkpoint_waits_until_one_of_two_has_no_pictures_left(make, tmp_path):
    chooser = scheduler(max_checkpoints=2)
    one, two, three = (Checkpoint(name=name, family="sd2", folder=tmp_path / name) for name in ("one", "two", "three"))
    chooser.add(make("a", checkpoint=one, steps=2))
    chooser.add(make("b", checkpoint=two, steps=2))
    chooser.add(make("c", checkpoint=three, steps=2))
    seen = [tick(chooser)[0] for _ in range(3)]
    assert chooser.why_waiting("c") == "checkpoints under way: one, two"
    seen += [ids[0] for ids in ticks(chooser)]
    assert "c" not in seen[:3]
    assert sorted(seen) == ["a", "a", "b", "b", "c", "c"]


def test_a_late_picture_of_another_checkpoint_stops_newcomers_of_the_busy_one(make, tmp_path):
    chooser = scheduler(max_checkpoints=1, deterministic=True)
    busy, other = (Checkpoint(name=name, family="sd2", folder=tmp_path / name) for name in ("busy", "other"))
    chooser.add(make("first", checkpoint=busy, steps=4))
    tick(chooser)
    chooser.add(make("waiting", checkpoint=other, steps=4))
    order: list[str] = []
    for count in range(60):
        if count % 4 == 0:
            chooser.add(make(f"new{count}", checkpoint=busy, steps=4))
        order += tick(chooser)
        if "waiting" not in chooser:
            break
    assert "waiting" not in chooser
    assert order.index("waiting") <= STRETCH * 4 + 8


def test_an_empty_scheduler_has_no_batch():
    assert scheduler().next_batch() is None


@pytest.mark.parametrize(("rows", "checkpoints"), [(1, 1), (2, 0)])
def test_limits_that_leave_no_room_for_a_picture_are_refused(rows: int, checkpoints: int):
    with pytest.raises(ValueError, match="or more"):
        scheduler(max_rows=rows, max_checkpoints=checkpoints)
