"""The prompt screen: sexual content with minors is never drawn, whoever asks and by whichever way.

It reads words, not meanings, and errs on the side of refusing: a word of each kind anywhere in the prompt is enough.
`spelling` undoes what hides a word; the words themselves stand in screen.toml.
"""

import re
import tomllib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final, Self, TypeAlias

from easel.domain.errors import InvalidRequest
from easel.wording.spelling import Word, plain, plain_with_places, words_of

ADULT: Final = 18
SHORTEST_HALF: Final = 3
LONGEST_COMPOUND: Final = 40

REFUSAL: Final = (
    "The prompt asks for sexual content with minors, which is never drawn here: take out what is sexual, or whoever is "
    "under age."
)

NUMBERS: Final = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen"),
)
TENS: Final = frozenset(("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety", "hundred"))
AGE: Final = re.compile(r"(\d{1,2})(yos?|yrs?|years?|y)?")
UNITS: Final = frozenset(("yr", "yrs", "year", "years", "y", "jahre", "jährige", "jahriges", "anos", "ans", "anni"))

Span: TypeAlias = tuple[int, int]
"""Of characters: where it begins, and where it ends."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What the screen found in a text."""

    is_sexual: bool
    with_minors: bool
    """Sexual and about minors: what is refused."""
    filtered: str
    """The text without the words that made it so."""


class Phrases:
    """Phrases of one or more words, by their first."""

    def __init__(self, phrases: Iterable[str]) -> None:
        self._by_first: dict[str, list[tuple[str, ...]]] = {}
        for phrase in phrases:
            words = tuple(plain(phrase).split())
            self._by_first.setdefault(words[0], []).append(words)

    def __contains__(self, word: str) -> bool:
        return (word,) in self._by_first.get(word, ())

    def longest(self, words: Sequence[Word], at: int) -> int:
        """How many words from `at` on are the longest phrase that begins there; 0 for none."""
        if at >= len(words):
            return 0
        here = (phrase for first in words[at].spellings for phrase in self._by_first.get(first, ()))
        return max((len(phrase) for phrase in here if _stands(phrase, words[at : at + len(phrase)])), default=0)

    def places(self, words: Sequence[Word]) -> set[int]:
        """The numbers of the words that stand in one of the phrases."""
        return {at + step for at in range(len(words)) for step in range(self.longest(words, at))}

    def spans(self, words: Sequence[Word], read_over: Collection[int] = ()) -> Iterable[Span]:
        for at in range(len(words)):
            length = self.longest(words, at)
            if length and any(place not in read_over for place in range(at, at + length)):
                yield words[at].start, words[at + length - 1].end


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """The lists of screen.toml."""

    minor: Phrases
    sexual: Phrases
    both: Phrases
    innocent: Phrases
    innocent_of_minors: Phrases
    aged_things: Phrases
    minor_anywhere: Sequence[str]
    sexual_anywhere: Sequence[str]

    @classmethod
    def read(cls) -> Self:
        lists = tomllib.loads((resources.files("easel.wording") / "screen.toml").read_text("utf-8"))
        return cls(
            minor=Phrases(lists["minor"]),
            sexual=Phrases(lists["sexual"]),
            both=Phrases(lists["both"]),
            innocent=Phrases(lists["innocent"]),
            innocent_of_minors=Phrases(lists["innocent_of_minors"]),
            aged_things=Phrases(lists["aged_things"]),
            minor_anywhere=[plain(sign) for sign in lists["minor_anywhere"]],
            sexual_anywhere=[plain(sign) for sign in lists["sexual_anywhere"]],
        )


_vocabulary = cache(Vocabulary.read)

UNWANTED_ADULTS: Final = Phrases(("adult", "adults", "grown up", "grown ups", "grown woman", "grown man"))
IS_OLD: Final = Phrases(("old", "olds", "o", "girl", "boy", "of age"))


def refuse_minors(prompt: str, negative_prompt: str = "") -> None:
    """Raises InvalidRequest for a prompt that asks for sexual content with minors.

    A negative prompt may name what is unwanted, minors first of all; but one that wants no adults in a sexual picture
    says who is wanted.
    """
    found = look_at(prompt)
    unwanted = words_of(plain(negative_prompt))
    if found.with_minors or (found.is_sexual and UNWANTED_ADULTS.places(unwanted)):
        raise InvalidRequest("prompt", REFUSAL)


def look_at(text: str) -> Finding:
    """Answers for any text."""
    letters, places = plain_with_places(text)
    words, known = words_of(letters), _vocabulary()
    innocent = known.innocent.places(words)
    both = [*known.both.spans(words), *_compounds(words, known.minor, known.sexual)]
    sexual = [*both, *known.sexual.spans(words, innocent), *_compounds(words, known.sexual, known.sexual)]
    sexual += _anywhere(letters, known.sexual_anywhere)
    minor = [*both, *known.minor.spans(words, innocent | known.innocent_of_minors.places(words))]
    minor += [*_ages(words, known.aged_things), *_anywhere(letters, known.minor_anywhere)]
    with_minors = bool(minor and sexual)
    cut = [*sexual, *minor] if with_minors else sexual
    return Finding(bool(sexual), with_minors, _without(text, [(places[start], places[end]) for start, end in cut]))


def _stands(phrase: Sequence[str], words: Sequence[Word]) -> bool:
    return len(words) == len(phrase) and all(part in word.spellings for part, word in zip(phrase, words, strict=True))


def _compounds(words: Sequence[Word], one: Phrases, other: Phrases) -> Iterable[Span]:
    """Words that are a word of `one` and a word of `other`, in either order, written as one."""
    for word in words:
        for form in word.spellings:
            if len(form) <= LONGEST_COMPOUND and any(
                (form[:cut] in one and form[cut:] in other) or (form[:cut] in other and form[cut:] in one)
                for cut in range(SHORTEST_HALF, len(form) - SHORTEST_HALF + 1)
            ):
                yield word.start, word.end


def _ages(words: Sequence[Word], things: Phrases) -> Iterable[Span]:
    """Ages of people below eighteen: 12yo, 12 years old, aged twelve, age of 12, under 18. Not a whisky's."""
    for at, word in enumerate(words):
        years, has_unit = _number(word)
        if years is None or (at and words[at - 1].spellings & TENS):
            continue
        if years == ADULT and at and words[at - 1].spellings & {"under", "below"}:
            yield words[at - 1].start, word.end
        if years >= ADULT:
            continue
        end = at + 1
        is_age = has_unit or any(before.spellings & {"age", "aged"} for before in words[max(0, at - 2) : at])
        if end < len(words) and words[end].spellings & {"yo", "yos"}:
            is_age, end = True, end + 1
        elif end < len(words) and words[end].spellings & UNITS and (old := IS_OLD.longest(words, end + 1)):
            is_age, end = True, end + 1 + old
        if is_age and not things.longest(words, end) and not things.longest(words, end + 1):
            yield word.start, words[end - 1].end


def _number(word: Word) -> tuple[int | None, bool]:
    """The number that the word is, and whether it says that it counts years, as in 12yo."""
    for form in sorted(word.spellings):
        if found := AGE.fullmatch(form):
            return int(found[1]), found[2] is not None
        if form in NUMBERS:
            return NUMBERS.index(form), False
    return None, False


def _anywhere(letters: str, signs: Iterable[str]) -> Iterable[Span]:
    for sign in signs:
        for found in re.finditer(re.escape(sign), letters):
            yield found.span()


def _without(text: str, spans: Iterable[Span]) -> str:
    kept, end = "", 0
    for start, stop in sorted(spans):
        kept += text[end : max(start, end)]
        end = max(end, stop)
    return re.sub(r"\s+(?=[,.;:])|(?<=\s)[^\S\n]+", "", kept + text[end:]).strip(" ,;")
