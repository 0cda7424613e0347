"""Dollars as people write them, micro-dollars as we count."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from easel.domain.money import Micros, dollars, format_dollars, micros_from_dollars


@pytest.mark.parametrize(
    ("text", "micros"),
    [("10", 10_000_000), ("0.0047", 4700), ("0.000001", 1), ("-5", -5_000_000), ("1e2", 100_000_000), ("0", 0)],
)
def test_dollars_are_read_exactly(text: str, micros: int) -> None:
    assert micros_from_dollars(text) == micros


@pytest.mark.parametrize(
    "text", ["", "ten", "1,000", "$5", "NaN", "Infinity", "-inf", "0.0000001", "1.2345678", "0x10"]
)
def test_what_is_no_whole_number_of_micros_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no (amount|whole number)"):
        micros_from_dollars(text)


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (4700, "$0.0047"),
        (10_000_000, "$10.00"),
        (0, "$0.00"),
        (1, "$0.000001"),
        (-5_500_000, "-$5.50"),
        (1_234_567_890_000, "$1,234,567.89"),
    ],
)
def test_an_amount_is_written_with_two_decimals_or_as_many_as_it_needs(micros: int, text: str) -> None:
    assert format_dollars(micros) == text


@given(st.integers(-(10**15), 10**15))
def test_writing_and_reading_gives_the_amount_back(micros: int) -> None:
    assert micros_from_dollars(format_dollars(micros).replace("$", "").replace(",", "")) == micros
    assert micros_from_dollars(str(dollars(Micros(micros)))) == micros
