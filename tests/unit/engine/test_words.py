"""A checkpoint of a small world says which words of a prompt lie outside it."""

import json
from pathlib import Path

import pytest

from easel.engine.families.words import note_strangers
from easel.engine.request import Checkpoint


@pytest.fixture
def small_world(tmp_path: Path) -> Checkpoint:
    (tmp_path / "words.json").write_text(json.dumps({"words": ["a", "red", "star", "3"], "knows": "red stars"}))
    return Checkpoint(name="tiny", family="sd2", folder=tmp_path)


@pytest.mark.parametrize("prompt", ["a red star", "A RED, star!", "3 red-star", ""])
def test_known_words_need_no_note(small_world: Checkpoint, prompt: str):
    assert note_strangers(small_world, prompt) == ()


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("a red dragon", 'tiny does not know "dragon". It knows red stars.'),
        ("Drache, Drache 7", 'tiny does not know "drache", "7". It knows red stars.'),
        ("b c d e f g h", 'tiny does not know "b", "c", "d", "e", "f" and 2 more. It knows red stars.'),
        ("ein großer Stern", 'tiny does not know "ein", "großer", "stern". It knows red stars.'),
    ],
)
def test_unknown_words_are_named_once_with_what_is_known(small_world: Checkpoint, prompt: str, said: str):
    assert note_strangers(small_world, prompt) == (said,)


def test_the_name_of_an_embedding_is_no_unknown_word(small_world: Checkpoint):
    assert note_strangers(small_world, "a red my-style star", ["My-Style"]) == ()


def test_a_checkpoint_without_a_list_takes_any_word(tmp_path: Path):
    assert note_strangers(Checkpoint(name="large", family="sd2", folder=tmp_path), "a dragon") == ()


@pytest.mark.parametrize("file", ["", "[]", "{}", '{"words": 3, "knows": "x"}', '{"words": ["a"], "knows": 3}'])
def test_a_list_that_is_not_understood_is_none(tmp_path: Path, file: str):
    (tmp_path / "words.json").write_text(file)
    assert note_strangers(Checkpoint(name="odd", family="sd2", folder=tmp_path), "a dragon") == ()


def test_a_list_that_is_written_anew_is_read_anew(small_world: Checkpoint):
    assert note_strangers(small_world, "dragon")
    (small_world.folder / "words.json").write_text(json.dumps({"words": ["dragon", "lair"], "knows": "dragons"}))
    assert note_strangers(small_world, "dragon") == ()
