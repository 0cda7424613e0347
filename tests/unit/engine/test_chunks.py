"""Where a text encoder's chunks begin and end. One letter is one token here."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from easel.domain.prompt import read_prompt
from easel.engine.prompts.chunks import NEAR_COMMA, Alphabet, Chunk, Placed, chunks_of
from easel.engine.request import WeightsFile

BEGIN, END, PADDING = 1, 2, 3
STYLE = WeightsFile(name="my-style", file=Path("/style.safetensors"))


def alphabet(room: int) -> Alphabet:
    def tokens(text: str) -> list[int]:
        return [ord(letter) for letter in text if not letter.isspace()]

    return Alphabet(tokens=tokens, room=room, begin=BEGIN, end=END, padding=PADDING, comma=ord(","))


def chunks(prompt: str, room: int = 15, vectors: int = 0) -> list[Chunk]:
    (only,) = read_prompt(prompt)
    return chunks_of(only.at(0, 1), alphabet(room), {STYLE: vectors} if vectors else {})


def texts(prompt: str, room: int = 15, vectors: int = 0) -> list[str]:
    return [
        "".join(chr(token or ord("*")) for token in one.tokens[1 : one.length + 1])
        for one in chunks(prompt, room, vectors)
    ]


def test_a_chunk_has_begin_text_end_and_padding() -> None:
    assert chunks("ab", room=4) == [Chunk((BEGIN, ord("a"), ord("b"), END, PADDING, PADDING), (), (), 2)]
    assert chunks("", room=2) == [Chunk((BEGIN, END, PADDING, PADDING), (), (), 0)]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("abcdefghijklmno", ["abcdefghijklmno"]),
        ("abcdefghijklmnop", ["abcdefghijklmno", "p"]),
        ("abcdefghijkl,mnop", ["abcdefghijkl,", "mnop"]),
        ("abcdefghijk,lmnop", ["abcdefghijk,", "lmnop"]),
        ("abcdefghij,klmnop", ["abcdefghij,klmn", "op"]),
        ("abcdefghijklmn,op", ["abcdefghijklmn,", "op"]),
        ("abcdefghijklm,o,p", ["abcdefghijklm,o", ",p"]),
        ("ab BREAK cd", ["ab", "cd"]),
        ("BREAK cd", ["", "cd"]),
        ("ab BREAK", ["ab"]),
        ("BREAK", [""]),
        ("ab BREAK BREAK cd", ["ab", "", "cd"]),
        ("abcdefghijklmno BREAK p", ["abcdefghijklmno", "p"]),
    ],
)
def test_a_full_chunk_ends_after_a_comma_that_is_near(prompt: str, expected: list[str]) -> None:
    assert texts(prompt) == expected


@pytest.mark.parametrize(("place", "moved"), [(55, 0), (56, 19), (74, 1), (75, 0)])
def test_near_is_twenty_tokens_in_a_full_sized_chunk(place: int, moved: int) -> None:
    """`place` counts from 1; AUTOMATIC1111's setting, `comma_padding_backtrack`, is 20 unless changed."""
    prompt = "x" * (place - 1) + "," + "y" * (76 - place)
    assert [len(text) for text in texts(prompt, room=75)] == [75 - moved, 1 + moved]
    assert NEAR_COMMA == (20, 75)


def test_each_token_has_its_weight_and_begin_end_and_padding_have_none() -> None:
    (chunk,) = chunks("a(bc:1.5)[d]", room=5)
    assert chunk.weights == (1, 1, 1.5, 1.5, 1 / 1.1, 1, 1)


def test_weights_move_with_their_tokens() -> None:
    first, second = chunks("abcdefghijk,(lmnop:2)")
    assert first.weights == ()
    assert second.weights == (1, *(2,) * 5, *(1,) * 11)


@pytest.mark.parametrize(
    "prompt", ["ab my-style cd", "ab MY-STYLE, cd", "ab <my-style> cd", "ab (my-style) cd", "ab cd my-style"]
)
def test_an_embedding_stands_where_it_is_named(prompt: str) -> None:
    (chunk,) = chunks(prompt, vectors=3)
    assert len(chunk.placed) == 3
    assert [placed.number for placed in chunk.placed] == [0, 1, 2]
    assert [chunk.tokens[placed.at] for placed in chunk.placed] == [0, 0, 0]
    assert "<" not in texts(prompt, vectors=3)[0]


@pytest.mark.parametrize("prompt", ["my-styles", "not-my-style", "my style", "tummy-style"])
def test_a_part_of_a_word_is_no_name(prompt: str) -> None:
    assert not any(chunk.placed for chunk in chunks(prompt, vectors=3))


def test_the_vectors_of_an_embedding_stay_together_and_have_its_weight() -> None:
    first, second = chunks("abcdefghijklm (my-style:1.5) n", vectors=3)
    assert (first.length, second.length) == (13, 4)
    assert second.placed == tuple(Placed(at, STYLE, at - 1) for at in (1, 2, 3))
    assert second.weights[:5] == (1, 1.5, 1.5, 1.5, 1)


def test_the_longest_name_wins() -> None:
    longer = WeightsFile(name="my-style two", file=Path("/two.safetensors"))
    (only,) = read_prompt("my-style two")
    (chunk,) = chunks_of(only.at(0, 1), alphabet(15), {STYLE: 1, longer: 1})
    assert [placed.embedding for placed in chunk.placed] == [longer]


@given(st.text(alphabet="abc,  ", max_size=200), st.integers(4, 40))
def test_no_token_is_lost_or_moved_past_another(prompt: str, room: int) -> None:
    read = texts(prompt, room)
    assert "".join(read) == "".join(prompt.split())
    assert all(len(one.tokens) == room + 2 for one in chunks(prompt, room))
    assert all(text for text in read) or len(read) == 1
