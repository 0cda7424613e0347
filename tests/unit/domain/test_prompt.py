"""The prompt syntax: what is said, with what weight, at which step."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from easel.domain.errors import InvalidRequest
from easel.domain.prompt import (
    MOST_READINGS,
    MOST_SUBPROMPTS,
    Piece,
    Reading,
    check_prompt,
    read_negative,
    read_prompt,
    words_of,
)

MARKS = st.sampled_from([*"()[]:|\\ ,", "0.5", "3", "BREAK", "AND", " AND ", ":1.3)", "[", "(", "]", ")"])
PROMPTS = st.lists(MARKS | st.text(max_size=6) | st.sampled_from(["cat", "dog", "tree"]), max_size=30).map("".join)


def said(prompt: str, step: int = 0, steps: int = 20) -> list[list[tuple[str, float]]]:
    """The sections of a prompt that has no AND, as plain data."""
    (only,) = read_prompt(prompt)
    return plain(only.at(step, steps))


def plain(reading: Reading) -> list[list[tuple[str, float]]]:
    return [[(piece.text, pytest.approx(piece.weight)) for piece in section] for section in reading]


def text_at(prompt: str, step: int, steps: int = 20) -> str:
    return "".join(text for section in said(prompt, step, steps) for text, _ in section)


@pytest.mark.parametrize(
    ("prompt", "pieces"),
    [
        ("a cat", [("a cat", 1)]),
        ("", []),
        ("(cat)", [("cat", 1.1)]),
        ("((cat))", [("cat", 1.21)]),
        ("[cat]", [("cat", 1 / 1.1)]),
        ("[[cat]]", [("cat", 1 / 1.21)]),
        ("(cat:1.3)", [("cat", 1.3)]),
        ("(cat: 0.5 )", [("cat", 0.5)]),
        ("(cat:-1)", [("cat", -1)]),
        ("(cat:.5)", [("cat", 0.5)]),
        ("a (big (red:1.5) cat) sits", [("a ", 1), ("big ", 1.1), ("red", 1.65), (" cat", 1.1), (" sits", 1)]),
        ("([cat])", [("cat", 1)]),
        (r"cat \(animal\)", [("cat (animal)", 1)]),
        (r"\[x\] \\ \: \|", [(r"[x] \ : |", 1)]),
        (r"(\(cat\):1.2)", [("(cat)", 1.2)]),
        (r"c:\path", [(r"c:\path", 1)]),
        ("ratio 16:9, a | b", [("ratio 16:9, a | b", 1)]),
        ("(ratio 16:9)", [("ratio 16", 9)]),
        ("(a:b)", [("a:b", 1.1)]),
        ("(a|b)", [("a|b", 1.1)]),
        ("(:1.2)", []),
        ("a (cat", [("a ", 1), ("cat", 1.1)]),
        ("a [cat", [("a ", 1), ("cat", 1 / 1.1)]),
        ("cat) :)", [("cat) :)", 1)]),
        ("(a]b)", [("a]b", 1.1)]),
        ("(cat:1.2.3)", [("cat:1.2.3", 1.1)]),
        ("[a:b]", [("a:b", 1 / 1.1)]),
        ("[a:b:c:0.5]", [("a:b:c:0.5", 1 / 1.1)]),
        ("[a|b:0.5]", [("a|b:0.5", 1 / 1.1)]),
    ],
)
def test_weights(prompt: str, pieces: list[tuple[str, float]]) -> None:
    assert said(prompt) == [pieces]


def test_words_of_one_weight_are_one_piece() -> None:
    assert said(r"a (b:1.0) \(c\)") == [[("a b (c)", 1)]]


@pytest.mark.parametrize(
    ("prompt", "sections"),
    [
        ("a BREAK b", [["a"], ["b"]]),
        ("a BREAK\n BREAK b", [["a"], [], ["b"]]),
        ("BREAK a", [[], ["a"]]),
        ("a BREAK", [["a"], []]),
        ("BREAKFAST and aBREAK", [["BREAKFAST and aBREAK"]]),
        ("break", [["break"]]),
    ],
)
def test_break_begins_a_new_section(prompt: str, sections: list[list[str]]) -> None:
    assert [[text for text, _ in section] for section in said(prompt)] == sections


def test_a_break_inside_brackets_keeps_the_weight() -> None:
    assert said("(a BREAK b:1.5)") == [[("a", 1.5)], [("b", 1.5)]]


@pytest.mark.parametrize(
    ("prompt", "texts"),
    [
        ("[a:b:0.5]", "aaaaabbbbb"),
        ("[a:b:3]", "aaabbbbbbb"),
        ("[a::3]", "aaa-------"),
        ("[:b:0.7]", "-------bbb"),
        ("[b:7]", "-------bbb"),
        ("[a:b:0.25]", "aabbbbbbbb"),
        ("[a:b:0]", "bbbbbbbbbb"),
        ("[a:b:99]", "aaaaaaaaaa"),
        ("[a:b:1.0]", "aaaaaaaaaa"),
        ("[a:b:-1]", "bbbbbbbbbb"),
        ("[a|b]", "ababababab"),
        ("[a|b|c]", "abcabcabca"),
        ("[a|]", "a-a-a-a-a-"),
        ("[a:[b|c]:4]", "aaaabcbcbc"),
        ("[[a:b:2]:c:0.8]", "aabbbbbbcc"),
    ],
)
def test_what_is_said_changes_by_step(prompt: str, texts: str) -> None:
    assert [text_at(prompt, step, 10) or "-" for step in range(10)] == list(texts)


def test_weights_and_changes_go_into_each_other() -> None:
    assert said("([a:(b:2):5]:1.5)", step=9) == [[("b", 3)]]
    assert said("[(a:1.2):b:5] c", step=0) == [[("a", 1.2), (" c", 1)]]


def test_a_number_too_large_to_count_with_is_only_a_late_step() -> None:
    assert text_at(f"[a:b:{'9' * 400}]", 19) == "a"


def test_equal_readings_are_one_object() -> None:
    (only,) = read_prompt("[cat|dog]")
    readings = only.readings(6)
    assert [readings.index(reading) for reading in readings] == [0, 1, 0, 1, 0, 1]
    assert readings[0] is readings[4]
    assert words_of(readings) == "cat\ndog"


@pytest.mark.parametrize(
    ("prompt", "parts"),
    [
        ("a cat AND a dog", [("a cat", 1), ("a dog", 1)]),
        ("a cat :1.2 AND a dog:0.5 AND sky :-1", [("a cat", 1.2), ("a dog", 0.5), ("sky", -1)]),
        ("a AND b:c", [("a", 1), ("b:c", 1)]),
        ("BRAND and ANDY", [("BRAND and ANDY", 1)]),
        ("a AND AND b AND ", [("a", 1), ("b", 1)]),
        ("AND", [("", 1)]),
        ("a cat :0.5", [("a cat :0.5", 1)]),
    ],
)
def test_and_parts_prompts_each_with_its_weight(prompt: str, parts: list[tuple[str, float]]) -> None:
    read = read_prompt(prompt)
    assert [("".join(p.text for s in one.at(0, 20) for p in s), one.weight) for one in read] == parts


def test_and_in_a_negative_prompt_is_a_word() -> None:
    assert read_negative("blur AND (noise)").at(0, 5) == ((Piece("blur AND "), Piece("noise", 1.1)),)


@given(PROMPTS, st.integers(1, 12))
def test_any_text_can_be_read_and_none_of_its_words_is_lost(prompt: str, steps: int) -> None:
    negative, subprompts = read_negative(prompt), read_prompt(prompt)
    for read in ((negative,), subprompts):
        everything = "\n".join(words_of(one.readings(steps)) for one in read)
        if not any(one.changes for one in read):  # a change that never comes hides what it would say
            assert all(everything.count(word) == prompt.count(word) for word in ("cat", "dog", "tree"))


@given(st.text(alphabet="abc ,.-_\n'\"!?;{}<>*&^%$#@~`+=/", max_size=60))
def test_a_plain_prompt_is_itself(prompt: str) -> None:
    assert read_prompt(prompt)[0].at(0, 1) == (((Piece(prompt),),) if prompt else ((),))


@given(st.text(max_size=40))
def test_an_escaped_text_is_plain(text: str) -> None:
    escaped = "".join(f"\\{letter}" if letter in "()[]:|\\" else letter for letter in text)
    assert text_at(escaped, 0) == text


def test_brackets_may_nest_as_deep_as_a_prompt_is_long() -> None:
    deep = "(" * 5000 + "cat" + ")" * 5000
    assert [piece.text for piece in read_prompt(deep)[0].at(0, 1)[0]] == ["cat"]
    assert text_at("[" * 3000 + "cat|" + "]" * 3000, 0) == "cat"


@pytest.mark.parametrize(
    ("field", "prompt", "sentence"),
    [
        ("prompt", " AND ".join("abcdefghi"), "prompt has 9 parts joined by AND; at most 8 can be drawn together"),
        ("prompt", "".join(f"[{n}a:{n}b:{n}]" for n in range(1, 40)), "prompt says 40 different things during its 50"),
        ("prompt", "(cat:101)", "prompt has a weight of 101; at most 100 is possible"),
        ("prompt", "cat AND dog:-500", "prompt has a weight of -500"),
        ("prompt", "(" * 4000 + "cat" + ")" * 4000, "prompt has a weight of"),
        ("prompt", f"((cat:{'9' * 400}):0)", "prompt has a weight of nan"),
    ],
)
def test_what_would_take_too_much_is_refused_by_name(field: str, prompt: str, sentence: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        check_prompt(field, prompt, 50)
    assert refusal.value.message.startswith(sentence)
    assert refusal.value.field == field


def test_parts_that_are_averaged_must_weigh_something() -> None:
    check_prompt("prompt", "a AND b:-1", 20)
    with pytest.raises(InvalidRequest, match="add up to 0; without guidance"):
        check_prompt("prompt", "a AND b:-1", 20, is_guided=False)


def test_as_much_as_is_allowed_passes() -> None:
    check_prompt("prompt", " AND ".join("abcdefgh"[:MOST_SUBPROMPTS]), 50)
    check_prompt("prompt", "".join(f"[{n}a:{n}b:{n}]" for n in range(1, MOST_READINGS)), 50)
    check_prompt("prompt", "(cat:100) [dog|bird]", 50)
    check_prompt("negative_prompt", " AND ".join("abcdefghijkl"), 50)
