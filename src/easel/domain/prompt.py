r"""The field's prompt syntax, read into what a prompt says at each step. Pure; there is no text that it cannot read.

    (x)  [x]  (x:1.3)     weights 1.1, 1/1.1 and 1.3; brackets nest, and weights multiply
    [a:b:0.5]  [a:b:12]   a for the first half of the steps (the first 12 steps), then b; also [a::12] and [b:12]
    [a|b]                 a and b by turns, a step each
    \(  \)  \[  \]        the character itself; likewise \\ \: \|
    BREAK                 what follows begins a new chunk of the text encoder
    a AND b :0.7          two prompts for one picture, each with its weight (arXiv:2206.01714)

It is AUTOMATIC1111's syntax: a bracket that is never closed counts to the end, and one that was never opened is text.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from easel.domain.errors import InvalidRequest

STRONGER: Final = 1.1
MOST_SUBPROMPTS: Final = 8
"""Each is one more row of every network call."""
MOST_READINGS: Final = 32
"""Different texts that the steps of one prompt may read; each is encoded before the first step."""
MOST_WEIGHT: Final = 100.0

_TOKEN = re.compile(r"\\[()\[\]\\:|]|[()\[\]:|]|[^()\[\]\\:|]+|\\")
_AND = re.compile(r"\bAND\b")
_BREAK = re.compile(r"\bBREAK\b")
_NUMBER = re.compile(r"\s*([+-]?(?:\d+(?:\.\d*)?|\.\d+))\s*")


@dataclass(frozen=True, slots=True)
class Piece:
    """Words of one weight."""

    text: str
    weight: float = 1.0


Reading: TypeAlias = tuple[tuple[Piece, ...], ...]
"""What a prompt says at one step: a section for each BREAK and one more. Neighbours in a section differ in weight."""


@dataclass(frozen=True, slots=True)
class Weighted:
    nodes: "Nodes"
    weight: float


@dataclass(frozen=True, slots=True)
class Scheduled:
    before: "Nodes"
    after: "Nodes"
    until: float
    is_share: bool
    """Whether `until` is a share of all steps; otherwise it is a number of steps."""

    def at(self, step: int, steps: int) -> "Nodes":
        until = self.until * steps if self.is_share else self.until
        return self.before if step + 1 <= until else self.after


@dataclass(frozen=True, slots=True)
class Alternating:
    options: "tuple[Nodes, ...]"

    def at(self, step: int) -> "Nodes":
        return self.options[step % len(self.options)]


Node: TypeAlias = "str | Weighted | Scheduled | Alternating"
Nodes: TypeAlias = "tuple[Node, ...]"


@dataclass(frozen=True, slots=True, eq=False)
class Subprompt:
    """One of the prompts that AND parts, and its weight among them."""

    nodes: Nodes
    weight: float
    changes: bool
    """Whether it says something else at other steps."""

    def at(self, step: int, steps: int) -> Reading:
        """What is said at `step`, which counts from 0, of `steps`."""
        sections: list[list[Piece]] = [[]]
        # No recursion: brackets may nest as deep as the prompt is long.
        ahead: list[tuple[Node, float]] = [(node, 1.0) for node in reversed(self.nodes)]
        while ahead:
            node, weight = ahead.pop()
            match node:
                case str():
                    _say(sections, node, weight)
                    continue
                case Weighted():
                    weight *= node.weight
                    inner = node.nodes
                case Scheduled():
                    inner = node.at(step, steps)
                case Alternating():
                    inner = node.at(step)
            ahead.extend((each, weight) for each in reversed(inner))
        return tuple(tuple(section) for section in sections)

    def readings(self, steps: int) -> tuple[Reading, ...]:
        """What is said at each of `steps` steps; equal readings are one object."""
        if not self.changes:
            return (self.at(0, steps),) * steps
        known: dict[Reading, Reading] = {}
        return tuple(known.setdefault(said, said) for said in (self.at(step, steps) for step in range(steps)))


def read_prompt(text: str) -> tuple[Subprompt, ...]:
    """The prompts that AND parts, those that say nothing left out; one, if need be empty, at the least."""
    parts = [part.strip() for part in _AND.split(text)]
    if len(parts) == 1:
        return (_read(text, 1.0),)
    said = [_read(*_weight_of(part)) for part in parts if part]
    return tuple(said) or (_read("", 1.0),)


def read_negative(text: str) -> Subprompt:
    """There is one negative prompt: AND is a word in it like any other."""
    return _read(text, 1.0)


def check_prompt(field: str, text: str, steps: int, *, is_guided: bool = True) -> None:
    """Raises InvalidRequest, naming the field, for what would take too much work or make no picture."""
    subprompts = (read_negative(text),) if field == "negative_prompt" else read_prompt(text)
    if len(subprompts) > MOST_SUBPROMPTS:
        raise InvalidRequest(
            field, f"{field} has {len(subprompts)} parts joined by AND; at most {MOST_SUBPROMPTS} can be drawn together"
        )
    total = sum(subprompt.weight for subprompt in subprompts)
    if total <= 0 and not is_guided:
        raise InvalidRequest(
            field,
            f"The weights that AND gives the parts of {field} add up to {total:g}; without guidance, which begins "
            "above 1, the parts are averaged, and the weights must add up to more than 0",
        )
    readings = {reading for subprompt in subprompts for reading in subprompt.readings(steps)}
    if len(readings) > MOST_READINGS:
        raise InvalidRequest(
            field,
            f"{field} says {len(readings)} different things during its {steps} steps; at most {MOST_READINGS} are "
            "possible: use fewer [a:b:0.5] and [a|b]",
        )
    weights = [piece.weight for reading in readings for section in reading for piece in section]
    for weight in (*weights, *(subprompt.weight for subprompt in subprompts)):
        if not abs(weight) <= MOST_WEIGHT:
            raise InvalidRequest(field, f"{field} has a weight of {weight:g}; at most {MOST_WEIGHT:g} is possible")


def _weight_of(part: str) -> tuple[str, float]:
    text, colon, tail = part.rpartition(":")
    number = _NUMBER.fullmatch(tail) if colon else None
    return (text.rstrip(), float(number[1])) if number else (part, 1.0)


def _say(sections: list[list[Piece]], text: str, weight: float) -> None:
    parts = _BREAK.split(text)
    for number, words in enumerate(parts):
        if number:
            sections.append([])
            words = words.lstrip()
        if number < len(parts) - 1:
            words = words.rstrip()
        section = sections[-1]
        if section and section[-1].weight == weight:
            section[-1] = Piece(section[-1].text + words, weight)
        elif words:
            section.append(Piece(words, weight))


class _Bracket:
    """One that is open, and what stands between its separators so far."""

    def __init__(self, mark: str) -> None:
        self.mark = mark
        self.parts: list[list[Node]] = [[]]
        self.separators: list[str] = []

    def add(self, node: Node) -> None:
        self.parts[-1].append(node)

    def part(self, separator: str) -> None:
        self.separators.append(separator)
        self.parts.append([])

    def last_number(self) -> str | None:
        """What follows the last colon, when that is a number."""
        match self.parts[-1]:
            case [str(text)] if self.separators and self.separators[-1] == ":":
                found = _NUMBER.fullmatch(text)
                return found[1] if found else None
            case _:
                return None

    def joined(self, count: int | None = None) -> Nodes:
        """The first `count` parts, separators and all, as text."""
        nodes = list(self.parts[0])
        for separator, part in zip(self.separators, self.parts[1:count], strict=False):
            nodes += [separator, *part]
        return tuple(nodes)

    def closed(self) -> Node:
        number = self.last_number()
        if self.mark == "(":
            return Weighted(self.joined(-1), float(number)) if number else self.left_open()
        if number and self.separators in ([":"], [":", ":"]):
            before = tuple(self.parts[0]) if len(self.parts) == 3 else ()
            return Scheduled(before, tuple(self.parts[-2]), float(number), is_share="." in number)
        if self.separators and set(self.separators) == {"|"}:
            return Alternating(tuple(tuple(part) for part in self.parts))
        return self.left_open()

    def left_open(self) -> Node:
        return Weighted(self.joined(), STRONGER if self.mark == "(" else 1 / STRONGER)


def _read(text: str, weight: float) -> Subprompt:
    open_brackets = [_Bracket("")]
    changes = False
    for token in _TOKEN.findall(text):
        innermost = open_brackets[-1]
        if token in ("(", "["):
            open_brackets.append(_Bracket(token))
        elif innermost.mark + token in ("()", "[]"):
            closed = open_brackets.pop().closed()
            changes = changes or not isinstance(closed, Weighted)
            open_brackets[-1].add(closed)
        elif token in (":", "|") and innermost.mark:
            innermost.part(token)
        else:
            innermost.add(token[1:] if len(token) > 1 and token[0] == "\\" else token)
    while len(open_brackets) > 1:
        unclosed = open_brackets.pop().left_open()
        open_brackets[-1].add(unclosed)
    return Subprompt(open_brackets[0].joined(), weight, changes)


def pattern_of(names: Iterable[str]) -> re.Pattern[str] | None:
    """Finds names as words of their own, in capitals or not, in angle brackets or not; None without names."""
    longest_first = sorted(names, key=len, reverse=True)
    any_name = "|".join(re.escape(name) for name in longest_first)
    return re.compile(rf"<?(?<![\w-])({any_name})(?![\w-])>?", re.IGNORECASE) if any_name else None


def words_of(readings: Sequence[Reading]) -> str:
    """All that is said at any step, for looking a name up in."""
    return "\n".join(piece.text for reading in dict.fromkeys(readings) for section in reading for piece in section)
