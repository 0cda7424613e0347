"""Translators: a command, a function, and what happens when they are away."""

import sys

import pytest

from easel.domain.errors import Unavailable
from easel.wording.translate import Command, translator_named

UPPER = f"{sys.executable} -c 'import sys; print(sys.stdin.read().upper())'"


def test_a_command_reads_the_text_and_writes_its_translation() -> None:
    assert translator_named(UPPER)("ein Fuchs; $(rm -rf x)") == "EIN FUCHS; $(RM -RF X)"


def test_a_function_is_named_by_its_module() -> None:
    assert translator_named("textwrap:dedent")("  ein Fuchs") == "ein Fuchs"


@pytest.mark.parametrize(
    "arguments", [("sh", "-c", "exit 1"), ("sh", "-c", "true"), ("sh", "-c", "sleep 5"), ("/nowhere/at-all",)]
)
def test_a_command_that_fails_is_slow_or_says_nothing_is_away(arguments: tuple[str, ...]) -> None:
    with pytest.raises(Unavailable, match="The translator does not answer"):
        Command(arguments, patience=0.2)("ein Fuchs")


def test_a_function_that_raises_is_away() -> None:
    with pytest.raises(Unavailable):
        translator_named("json:loads")("{")


@pytest.mark.parametrize(
    "setting", ["no.such.module:name", "os:no_such_name", "os:sep", "no-such-command-here --to en", " "]
)
def test_what_cannot_be_a_translator_is_said_at_the_start(setting: str) -> None:
    with pytest.raises(ValueError, match=r"imported|function|installed"):
        translator_named(setting)
