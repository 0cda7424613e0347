"""CSV that no spreadsheet runs."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from easel.kit.csv import FORMULA_STARTS, csv_text


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_formula_is_text(cell: str) -> None:
    assert next(iter(csv.reader(io.StringIO(csv_text([cell], []), newline="")))) == [cell]  # a header is ours
    assert read(csv_text(["memo"], [[cell]]))[1][0].startswith("'")


def test_numbers_stay_numbers_and_nothing_is_empty() -> None:
    assert csv_text(["a", "b"], [[-5, None]]) == "a,b\r\n-5,\r\n"


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))))
def test_what_goes_in_comes_out(cells: list[str]) -> None:
    expected = [f"'{cell}" if cell.startswith(FORMULA_STARTS) else cell for cell in cells]
    assert read(csv_text(["x"], [[*cells, "end"]]))[1] == [*expected, "end"]


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))
