"""One value of the wire: what is read, and that nothing but ValueError ever comes of it."""

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from easel.gateway.dialects.modelslab import values

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
PARSERS = [
    values.whole,
    values.number,
    values.switch,
    values.factor,
    values.text,
    values.name,
    values.names,
    values.label,
    values.web_address,
]


def sentence_about(parse: Callable[[object], object], value: object) -> str | None:
    try:
        parse(value)
    except ValueError as refusal:
        return str(refusal)
    return None


@pytest.mark.parametrize("parse", PARSERS, ids=lambda parse: parse.__name__)
@given(value=JSON)
def test_a_value_is_read_or_refused_with_a_sentence(parse: Callable[[object], object], value: object) -> None:
    said = sentence_about(parse, value)
    assert said is None or said.startswith(("must be ", "is too large ", "holds a character "))


@pytest.mark.parametrize("parse", PARSERS, ids=lambda parse: parse.__name__)
def test_the_longest_number_that_json_can_hold_breaks_nothing(parse: Callable[[object], object]) -> None:
    assert sentence_about(parse, 10**4299)


@given(st.integers(-values.LARGEST_WHOLE, values.LARGEST_WHOLE))
def test_a_whole_number_and_its_text_are_one(number: int) -> None:
    assert values.whole(number) == values.whole(str(number)) == values.whole(f" {number} ") == number


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_and_its_text_are_one(number: float) -> None:
    assert values.number(number) == values.number(repr(number)) == number


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "NaN", "Infinity", "-inf", "1e999", "1_0", "", True])
def test_what_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"^must be a number, like 7\.5$"):
        values.number(value)


@pytest.mark.parametrize("value", [512.5, "512.5", "twelve", "0x10", True, [512], {}, "5" * 41])
def test_what_is_not_whole_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"^must be a whole number, like 512$"):
        values.whole(value)


@pytest.mark.parametrize("value", [2**63, -(2**70), "9223372036854775808", 1e30, "1e30"])
def test_what_no_column_holds_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="too large"):
        values.whole(value)


@pytest.mark.parametrize(("value", "read"), [(512.0, 512), ("512.0", 512), ("1e2", 100), ("-3", -3), ("+3", 3)])
def test_whole_numbers_in_other_clothes(value: object, read: int) -> None:
    assert values.whole(value) == read


@pytest.mark.parametrize("value", ["yes", "Yes", " TRUE ", "on", "1", 1, True])
def test_on(value: object) -> None:
    assert values.switch(value) is True


@pytest.mark.parametrize("value", ["no", "NO", "false", "off", "0", 0, False])
def test_off(value: object) -> None:
    assert values.switch(value) is False


@pytest.mark.parametrize("value", ["maybe", 2, -1, [], "yes please", 1.0])
def test_neither_on_nor_off(value: object) -> None:
    with pytest.raises(ValueError, match=r"^must be yes or no$"):
        values.switch(value)


@pytest.mark.parametrize(
    ("value", "times"),
    [("no", 1), (False, 1), (1, 1), ("1", 1), ("yes", 2), (True, 2), (2, 2), ("2", 2), ("3", 3), (3, 3), (1.5, 1.5)],
)
def test_upscale_is_a_switch_or_a_number(value: object, times: float) -> None:
    assert values.factor(value) == times


@pytest.mark.parametrize("value", [None, "", "  ", "null", "NULL", "none", "undefined"])
def test_the_spellings_of_nothing(value: object) -> None:
    assert values.without_unset({"field": value}) == {}


@given(st.dictionaries(st.text(), JSON))
def test_what_is_set_stays(fields: dict[str, object]) -> None:
    kept = values.without_unset(fields)
    assert set(kept) == {name for name, value in fields.items() if not values.is_unset(value)}


@pytest.mark.parametrize("value", ["a\x00b", "half \ud83d pair"])
def test_what_no_database_can_hold_is_no_text(value: str) -> None:
    with pytest.raises(ValueError, match="no text"):
        values.text(value)


def test_ids_with_commas_or_in_a_list() -> None:
    assert values.names("more_details, animie ,") == ["more_details", "animie"]
    assert values.names(["a", "b", None]) == ["a", "b"]


def test_a_label_keeps_its_type() -> None:
    assert values.label(7) == 7
    assert values.label("7") == "7"


@pytest.mark.parametrize(
    "value", ["ftp://x.example", "x.example/hook", "https://", "javascript:alert(1)", "http://[::1"]
)
def test_what_is_no_web_address_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="begins with https://"):
        values.web_address(value)


def test_web_addresses() -> None:
    assert values.web_address(" https://x.example/hook?id=1 ") == "https://x.example/hook?id=1"
    assert values.web_address("0") is None
