"""How many rows pay, on devices made up for the purpose."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from easel.engine.costs import BUCKETS, ENOUGH, MOST_KINDS, STALE_CALLS, CostCurve, Costs, bucket

Device = Callable[[int], float]


def measured(device: Device, *, wanted: int = 16, least: int = 2, pads: bool = False) -> tuple[Costs, list[int]]:
    """Costs after as many calls as it takes to know them, and the sizes that were called for."""
    costs = Costs(pads=pads)
    tried: list[int] = []
    for _ in range(100):
        rows = costs.rows_that_pay("kind", least=least, wanted=wanted)
        tried.append(rows)
        costs.record("kind", rows, device(costs.size(rows)))
    return costs, tried


def cpu(rows: int) -> float:
    """A row costs what it costs, whatever is beside it."""
    return 0.001 + 0.1 * rows


def gpu(rows: int) -> float:
    """Full from eight rows on."""
    return 0.01 * max(8, rows)


@pytest.mark.parametrize(
    ("device", "pays"),
    [(cpu, 2), (gpu, 8), (lambda rows: 0.1 + 0.001 * rows, 16), (lambda rows: 0.001 * rows**1.5, 2)],
)
def test_the_fewest_rows_at_which_a_row_costs_least_are_called_for(device: Device, pays: int) -> None:
    costs, tried = measured(device)
    assert tried[-1] == pays
    assert costs.rows_that_pay("kind", least=2, wanted=16) == pays


def test_finding_out_takes_a_few_calls_of_each_size() -> None:
    _, tried = measured(cpu)
    assert [tried.count(size) for size in (16, 12, 8, 4)] == [ENOUGH + 1] * 4
    assert set(tried[5 * (ENOUGH + 1) :]) == {2}


def test_without_a_measurement_all_rows_that_there_are_go_together() -> None:
    assert Costs().rows_that_pay("kind", least=2, wanted=11) == 11


def test_a_padded_call_costs_what_its_bucket_does() -> None:
    costs, _ = measured(gpu, pads=True)
    # Nine rows would be a call of twelve: eight, and the ninth next time, take less a row.
    assert costs.rows_that_pay("kind", least=2, wanted=9) == 8
    assert costs.seconds("kind", 9) == costs.seconds("kind", 12) == gpu(12)


def test_a_call_slowed_by_something_else_moves_nothing() -> None:
    curve = CostCurve()
    for seconds in (60.0, 0.1, 0.1, 9.0, 0.1, 0.1):
        curve.record(2, seconds)
    assert curve.seconds(2) == 0.1


def test_between_two_sizes_the_cost_lies_between_and_beyond_them_nobody_knows() -> None:
    curve = CostCurve()
    for _ in range(ENOUGH + 1):
        curve.record(2, 1.0)
        curve.record(4, 2.0)
    assert [curve.seconds(rows) for rows in (1, 2, 3, 4, 5)] == [None, 1.0, 1.5, 2.0, None]


def test_what_was_not_called_for_long_is_measured_again() -> None:
    costs, _ = measured(cpu)
    for _ in range(STALE_CALLS):
        costs.record("kind", 2, gpu(2))
    assert costs.rows_that_pay("kind", least=2, wanted=16) == 16


def test_kinds_do_not_mix_and_are_not_kept_for_ever() -> None:
    costs, _ = measured(cpu)
    assert costs.rows_that_pay("another", least=2, wanted=16) == 16
    for number in range(MOST_KINDS):
        costs.record(number, 2, 1.0)
    assert costs.seconds("kind", 2) is None


@given(st.integers(1, 200))
def test_buckets_hold_their_rows_and_waste_less_than_half(rows: int) -> None:
    assert rows <= bucket(rows) < max(2 * rows, 2)
    assert bucket(bucket(rows)) == bucket(rows)
    assert bucket(rows) in BUCKETS or bucket(rows) % 8 == 0


@given(st.dictionaries(st.integers(1, 24), st.floats(1e-4, 10), max_size=12), st.integers(1, 8), st.integers(0, 16))
def test_whatever_was_measured_the_leader_fits_and_nobody_is_called_for_who_is_not_there(
    seconds: dict[int, float], least: int, more: int
) -> None:
    costs = Costs()
    for rows, each in seconds.items():
        for _ in range(ENOUGH + 1):
            costs.record("kind", rows, each)
    assert least <= costs.rows_that_pay("kind", least=least, wanted=least + more) <= least + more
