"""The geometry of charts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from easel.site.charts import BOTTOM, HEIGHT, LABELS, LEFT, TOP, WIDTH, column_chart, levels


@pytest.mark.parametrize(
    ("largest", "whole", "wanted"),
    [
        (0, False, [0, 1]),
        (12, False, [0, 5, 10, 15]),
        (20, False, [0, 5, 10, 15, 20]),
        (0.0047, False, [0, 0.002, 0.004, 0.006]),
        (1, True, [0, 1]),
        (3, True, [0, 1, 2, 3]),
    ],
)
def test_lines_stand_at_round_numbers(largest: float, whole: bool, wanted: list[float]) -> None:
    assert levels(largest, whole=whole) == wanted


@given(st.floats(min_value=1e-6, max_value=1e9))
def test_the_lines_reach_the_largest_value_and_are_few(largest: float) -> None:
    lines = levels(largest)
    assert lines[-1] >= largest * (1 - 1e-6)
    assert 3 <= len(lines) <= 6


@given(st.lists(st.integers(0, 10**6), max_size=90))
def test_columns_stay_within_the_chart_and_are_as_high_as_their_values(values: list[int]) -> None:
    chart = column_chart([(str(value), value) for value in values])
    floor, room = HEIGHT - BOTTOM, HEIGHT - BOTTOM - TOP
    for column in chart.columns:
        assert LEFT <= column.x <= column.x + column.width <= WIDTH
        assert column.y + column.height == pytest.approx(floor, abs=0.02)
        assert column.height == pytest.approx(column.value / chart.lines[-1].value * room, abs=0.02)
    assert sum(column.shows_label for column in chart.columns) <= LABELS + 1
    assert not chart.columns or chart.columns[-1].shows_label
