"""What hides a word from whoever looks for it, undone.

Marks and invisible characters go, letters that look like Latin ones become those, digits and signs inside a word become
the letters they stand for, stretched words are shortened, and s p a c e d ones are drawn together.
"""

# ruff: noqa: RUF001 (letters that look alike are what this is about)

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

LOOKALIKES: Final[Mapping[str, str]] = {
    pair[0]: pair[1:]
    for pair in (
        "аa вb еe зe іi јj кk мm нh оo рp сc ѕs тt уy хx ԁd һh ӏl ԛq ԝw ьb ϲc "
        "αa βb γy εe ζz ηn ιi κk μm νv οo ρp ςs σo τt υu χx ωw ϳj "
        "ɑa ɡg ɩi ɪi ʏy ıi łl øo đd ħh ŧt ɴn ʀr ʙb ʜh ʟl ßss æae œoe"
    ).split()
}
"""Cyrillic, Greek and phonetic letters that are drawn like Latin ones (Unicode UTS 39), and ligatures."""

STANDS_FOR: Final[Mapping[str, str]] = {
    "0": "o",
    "1": "il",
    "3": "e",
    "4": "a",
    "5": "s",
    "6": "b",
    "7": "t",
    "8": "b",
    "9": "g",
    "@": "a",
    "$": "s",
    "!": "i",
    "€": "e",
    "£": "l",
    "*": "aeiou",
}
MOST_SPELLINGS: Final = 64
"""Of one word: each sign in it may stand for several letters."""
LONGEST_WORD: Final = 40
"""Longer ones are read as they are written."""

RUN: Final = re.compile(r"(?:[^\W_]|[@$!€£*])+")
WORD: Final = re.compile(r"[^\W_]+")
FEWEST_SPACED: Final = 3

ORDINARY: Final = frozenset(("rapping", "rapped", "annal", "annals", "annus", "lolli"))
"""Words whose doubled letter makes them what they are."""


@dataclass(frozen=True, slots=True)
class Word:
    spellings: frozenset[str]
    """What it may be meant to say."""
    start: int
    end: int
    """Where it stands in the plain text."""


def plain(text: str) -> str:
    return plain_with_places(text)[0]


def plain_with_places(text: str) -> tuple[str, list[int]]:
    """The text in plain letters, and for each of them, and for the end, where in `text` it comes from."""
    letters: list[str] = []
    places: list[int] = []
    for at, character in enumerate(text):
        for part in unicodedata.normalize("NFKD", character).casefold():
            if unicodedata.category(part) not in ("Mn", "Me", "Cf"):
                shown = LOOKALIKES.get(part, part)
                letters += shown
                places += [at] * len(shown)
    return "".join(letters), [*places, len(text)]


def words_of(letters: str) -> list[Word]:
    """The words of a plain text, in order."""
    return sorted([*_signed(letters), *_written(letters)], key=lambda word: (word.start, -word.end))


def _signed(letters: str) -> Iterable[Word]:
    """Words with signs for letters in them; as they stand at the end of a word, signs are punctuation."""
    for found in RUN.finditer(letters):
        word = found[0].rstrip("!*€£").lstrip("!*€£")
        if not word.isalnum() and word:
            start = found.start() + found[0].index(word)
            yield Word(_spellings(word), start, start + len(word))


def _written(letters: str) -> Iterable[Word]:
    """Words as they stand between spaces and punctuation, and those that single letters in a row spell."""
    spaced: list[re.Match[str]] = []
    for found in [*WORD.finditer(letters), None]:
        if found and len(found[0]) == 1:
            spaced.append(found)
            continue
        if len(spaced) >= FEWEST_SPACED:
            joined = "".join(letter[0] for letter in spaced)
            yield Word(_spellings(joined), spaced[0].start(), spaced[-1].end())
        else:
            yield from (Word(frozenset((letter[0],)), letter.start(), letter.end()) for letter in spaced)
        spaced = []
        if found:
            yield Word(_spellings(found[0]), found.start(), found.end())


def _spellings(word: str) -> frozenset[str]:
    """A word of digits alone is a number."""
    if len(word) > LONGEST_WORD or word.isdigit():
        return frozenset((word,))
    read = [""]
    for sign in word:
        read = [start + letter for start in read for letter in STANDS_FOR.get(sign, sign)][:MOST_SPELLINGS]
    meant = {word, *read}
    for one in tuple(meant - ORDINARY):
        meant.add(re.sub(r"(.)\1{2,}", r"\1\1", one))
        meant.add(re.sub(r"(.)\1+", r"\1", one))
    return frozenset(meant | {one.removesuffix("s") for one in meant if len(one) > FEWEST_SPACED})
