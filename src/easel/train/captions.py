"""The grammar: from a scene to one of its many captions, and to the attributes that the caption tells.

The attributes are what the text encoder is trained to read out of the caption. A caption says all there is to say:
a size or a count that is not said is the ordinary one, a background that is not said is white.
"""

import random
from dataclasses import dataclass
from typing import Final

from easel.train.world import COLOURS, LANDSCAPES, SHAPES, Scene, SizeWord, Thing

NOUNS: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "circle": (("circle", "circles"), ("circle", "circles"), ("disc", "discs"), ("disk", "disks")),
    "square": (("square", "squares"),),
    "triangle": (("triangle", "triangles"),),
    "star": (("star", "stars"),),
    "heart": (("heart", "hearts"), ("heart", "hearts"), ("heart shape", "heart shapes")),
    "hexagon": (("hexagon", "hexagons"),),
    "ring": (("ring", "rings"),),
    "cross": (("cross", "crosses"), ("cross", "crosses"), ("plus", "pluses"), ("plus sign", "plus signs")),
}
COLOUR_WORDS: Final[dict[str, tuple[str, ...]]] = {
    **{colour: (colour,) for colour in COLOURS},
    "purple": ("purple", "purple", "violet"),
    "gray": ("gray", "grey"),
}
SIZE_WORDS: Final[dict[SizeWord, tuple[str, ...]]] = {
    "small": ("small", "small", "tiny", "little"),
    "large": ("large", "large", "big", "huge"),
    "medium": ("", "", "", "", "", "", "medium", "medium-sized"),
}
NUMBERS: Final = {1: ("one", "1"), 2: ("two", "2", "a pair of"), 3: ("three", "3"), 4: ("four", "4")}
FRAMES: Final = (
    "a picture of {}", "a drawing of {}", "an image of {}", "picture of {}", "drawing of {}", "image of {}",
    "{}, drawing",
    "an illustration of {}", "a simple drawing of {}", "draw {}", "show {}", "there is {}", "this is {}",
    "{}, flat colors",
    "{}, vector art", "a painting of {}", "a graphic of {}", "please draw {}", "{}, simple", "{}, high quality",
)  # fmt: skip
HORIZONTAL: Final = (
    "{A} to the left of {B}", "{A} to the left of {B}", "{A} left of {B}", "{A} on the left of {B}",
    "{B} to the right of {A}",
    "{B} to the right of {A}", "{B} right of {A}", "{B} on the right of {A}", "{A} on the left and {B} on the right",
    "{B} on the right and {A} on the left", "on the left {A}, on the right {B}", "on the right {B}, on the left {A}",
    "{A} on the left, {B} on the right", "{B} on the right, {A} on the left", "{A} is left of {B}",
    "{B} is to the right of {A}",
    "{A} at the left and {B} at the right", "{A}, and to the right of it {B}", "{B}, and to the left of it {A}",
    "{A} with {B} to its right", "{B} with {A} to its left", "left {A}, right {B}", "right {B}, left {A}",
    "to the right of {A} is {B}", "to the left of {B} is {A}", "to the right of {A} there is {B}",
    "left of {B} is {A}",
    "{A}, with {B} on the right", "{B}, with {A} on the left", "{A}, {B} to the right of it",
    "{A} next to {B} on the right",
)  # fmt: skip
VERTICAL: Final = (
    "{A} above {B}", "{A} above {B}", "{A} above {B}", "{B} below {A}", "{B} below {A}", "{A} over {B}",
    "{B} under {A}",
    "{B} underneath {A}", "{B} beneath {A}", "{A} on top of {B}", "{A} at the top and {B} at the bottom",
    "{B} at the bottom and {A} at the top", "at the top {A}, at the bottom {B}", "at the bottom {B}, at the top {A}",
    "{A} at the top, {B} at the bottom", "{B} at the bottom, {A} at the top", "{A} is above {B}", "{B} is below {A}",
    "{A}, and under it {B}", "{A}, and below it {B}", "{B}, and above it {A}", "{A} with {B} below it",
    "{B} with {A} above it",
    "top {A}, bottom {B}", "bottom {B}, top {A}",
    "below {A} is {B}", "above {B} is {A}", "under {A} is {B}", "above {B} there is {A}", "below {A} there is {B}",
    "{A}, with {B} underneath",
    "{B}, with {A} above", "{A}, {B} below it", "over {B} is {A}", "{A} and below that {B}",
)  # fmt: skip
UNRELATED: Final = (
    "{A} and {B}",
    "{A} and {B}",
    "{A} and {B}",
    "{A}, {B}",
    "{A} with {B}",
    "{A} and also {B}",
    "both {A} and {B}",
)
# Used by the evaluation only: a phrasing that training never saw.
HELD_OUT_HORIZONTAL: Final = (
    "on the left there is {A} and on the right there is {B}", "{A} placed left of {B}",
    "{B} standing to the right of {A}",
    "{B} on the right side, {A} on the left side",
)  # fmt: skip
HELD_OUT_VERTICAL: Final = (
    "at the top there is {A} and at the bottom there is {B}", "{A} placed above {B}", "{A} hanging over {B}",
    "{B} lying below {A}",
)  # fmt: skip
HELD_OUT_FRAMES: Final = ("show me {}", "a nice picture with {}", "i would like {}", "an image showing {}", "{} please")
# A second judge, who speaks differently from both.
SECOND_HORIZONTAL: Final = (
    "to the left of {B} there is {A}", "{A} at the left side of {B}", "{B} and to its left {A}",
    "left {A}, right {B}", "{A} on the left hand, {B} on the right hand",
)  # fmt: skip
SECOND_VERTICAL: Final = (
    "over {B} there is {A}", "{A} high above {B}", "{B} and above it {A}", "{B} directly below {A}",
    "{A} up at the top, {B} down at the bottom",
)  # fmt: skip
SECOND_FRAMES: Final = ("can you draw {}", "make {}", "{}, thanks", "a small poster of {}", "we need {}")

BEHIND: Final = (
    "{} on a {C} background", "{} on a {C} background", "{} on a {C} background", "{} against a {C} background",
    "{} with a {C} background", "{} on {C}", "{} on {C} background", "{}, {C} background", "a {C} background with {}",
    "on a {C} background, {}", "{} in front of a {C} background", "{} and the background is {C}",
    "{}, background {C}",
    "{} on a plain {C} background", "{} over a {C} background", "{} against {C}", "{}. the background is {C}",
)  # fmt: skip
PLACES: Final[dict[str, tuple[str, ...]]] = {
    "house": (
        "a {C} house under a blue sky", "a {C} house", "a house with {C} walls",
        "a house painted {C} under a blue sky",
        "a {C} house on a green meadow", "a {C} home under the sky", "a {C} house on grass", "a house, {C}",
    ),
    "mountains": (
        "mountains at sunset", "a sunset over mountains", "mountains and the setting sun",
        "the sun setting behind mountains",
        "mountain sunset", "a mountain landscape at sunset", "two mountains in the evening",
        "a landscape with mountains at dusk",
    ),
    "sailboat": (
        "a sailboat with {C} sails on the sea", "a sailboat with {C} sails", "a boat with {C} sails on the sea",
        "a sailing boat with {C} sails on the water", "a ship with {C} sails", "a sailboat on the sea with {C} sails",
        "a boat with a {C} sail on the ocean", "a {C} sailboat",
    ),
    "tree": (
        "a {C} tree in a field", "a {C} tree", "a tree with {C} leaves in a field", "a tree with {C} leaves",
        "a single {C} tree in a field",
        "a {C} tree in a meadow", "a {C} tree on a field under a blue sky",
    ),
    "night": (
        "a night sky with moon and stars", "a night sky", "the moon and stars at night", "a starry night with a moon",
        "a night sky with the moon and stars", "moon and stars in the night sky", "the night sky full of stars",
        "a starry sky with a moon",
    ),
}  # fmt: skip
# Words that change nothing, so that a visitor's own words change little.
ADJECTIVES: Final = ("bright", "nice", "beautiful", "plain", "simple", "pretty", "solid", "perfect", "flat", "lovely")
JUNK: Final = (
    "high quality", "4k", "detailed", "minimalist", "digital art", "centered", "cute", "masterpiece", "clean",
    "best quality",
    "modern", "for my friend", "today", "on paper", "in the style of a poster", "icon", "logo", "sharp", "hello",
    "very good",
)  # fmt: skip

# Attribute -> number of classes. Zero always means "there is none" or "not said".
ATTRIBUTES: Final[dict[str, int]] = {
    "kind": 2 + len(LANDSCAPES), "count": 5, "axis": 3, "background": 2 + len(COLOURS),
    "shape_a": 1 + len(SHAPES), "colour_a": 1 + len(COLOURS), "size_a": 4,
    "shape_b": 1 + len(SHAPES), "colour_b": 1 + len(COLOURS), "size_b": 4,
}  # fmt: skip
SIZES: Final = ("small", "medium", "large")


@dataclass(frozen=True)
class Phrasing:
    """How a speaker frames a scene and says where things are."""

    frames: tuple[str, ...]
    often: float  # share of the captions that are framed
    horizontal: tuple[str, ...]
    vertical: tuple[str, ...]
    chatters: bool  # whether words that mean nothing are added
    in_order: bool  # whether two that are only named stand side by side, the first one on the left


TRAINING: Final = Phrasing(FRAMES, 0.35, HORIZONTAL, VERTICAL, chatters=True, in_order=True)
HELD_OUT: Final = Phrasing(HELD_OUT_FRAMES, 0.5, HELD_OUT_HORIZONTAL, HELD_OUT_VERTICAL, chatters=False, in_order=False)
SECOND: Final = Phrasing(SECOND_FRAMES, 0.5, SECOND_HORIZONTAL, SECOND_VERTICAL, chatters=False, in_order=False)


@dataclass(frozen=True)
class Caption:
    text: str
    attributes: tuple[int, ...]  # in the order of ATTRIBUTES


def caption(scene: Scene, rng: random.Random, phrasing: Phrasing = TRAINING) -> Caption:
    """One caption of the scene. Every phrasing but TRAINING frames and relates things in words that it never used."""
    values = dict.fromkeys(ATTRIBUTES, 0)
    if scene.kind in LANDSCAPES:
        values["kind"] = 2 + LANDSCAPES.index(scene.kind)
        said = rng.choice(PLACES[scene.kind])
        if scene.colour:
            values["colour_a"] = 1 + COLOURS.index(scene.colour)
            said = said.replace("{C}", _colour(scene.colour, rng)).replace("a orange", "an orange")
    else:
        if scene.kind == "pair":
            values["kind"] = 1
            said = _pair(scene, rng, values, phrasing)
        else:
            said = _objects(scene.things, rng)
            _note(values, "a", scene.things[0])
        values["count"] = len(scene.things)
        said = _behind(scene, said, rng, values)
    if rng.random() < phrasing.often:
        said = rng.choice(phrasing.frames).format(said)
    if phrasing.chatters and rng.random() < 0.08:
        said = f"{said}, {rng.choice(JUNK)}" if rng.random() < 0.7 else f"{rng.choice(JUNK)} {said}"
    if rng.random() < 0.12:
        said += rng.choice((".", "!", " ."))
    return Caption(said, tuple(values.values()))


def _note(values: dict[str, int], slot: str, thing: Thing) -> None:
    values[f"shape_{slot}"] = 1 + SHAPES.index(thing.shape)
    values[f"colour_{slot}"] = 1 + COLOURS.index(thing.colour)
    values[f"size_{slot}"] = 1 + SIZES.index(thing.size)


def _colour(colour: str, rng: random.Random) -> str:
    return rng.choice(COLOUR_WORDS[colour])


def _article(phrase: str, rng: random.Random) -> str:
    if rng.random() < 0.2:
        return phrase
    if rng.random() < 0.06:
        return f"the {phrase}"
    return f"{'an' if phrase[0] in 'aeiou' else 'a'} {phrase}"


def _object(thing: Thing, rng: random.Random) -> str:
    noun = rng.choice(NOUNS[thing.shape])[0]
    colour, size = _colour(thing.colour, rng), rng.choice(SIZE_WORDS[thing.size])
    extra = rng.choice(ADJECTIVES) if rng.random() < 0.06 else ""
    form = rng.random()
    if form < 0.84:
        words = [extra, size, colour, noun]
    elif form < 0.89:
        words = [colour, size, noun]
    elif form < 0.92:
        words = [size, rng.choice((f"{colour} colored", f"{colour} coloured", f"{colour}-colored")), noun]
    elif form < 0.96:
        return _article(_join(extra, size, noun), rng) + rng.choice(
            (f" in {colour}", f" that is {colour}", f" of {colour} color", f" colored {colour}")
        )
    else:
        words = [size, noun, colour]
    return _article(_join(*words), rng)


def _join(*words: str) -> str:
    return " ".join(word for word in words if word)


def _objects(things: tuple[Thing, ...], rng: random.Random) -> str:
    count, thing = len(things), things[0]
    if count == 1:
        if rng.random() < 0.9:
            return _object(thing, rng)
        size = rng.choice(SIZE_WORDS[thing.size])
        return _join(
            rng.choice(("one", "1", "a single", "one single", "just one")),
            size,
            _colour(thing.colour, rng),
            rng.choice(NOUNS[thing.shape])[0],
        )
    noun, colour = rng.choice(NOUNS[thing.shape])[1], _colour(thing.colour, rng)
    size = rng.choice(SIZE_WORDS[thing.size])
    number = rng.choice(NUMBERS[count])
    form = rng.random()
    if form < 0.85:
        return _join(number, size, colour, noun)
    if form < 0.9:
        return _join(number, colour, size, noun)
    if form < 0.95:
        return _join(number, size, noun, rng.choice((f"in {colour}", f"that are {colour}", f"all {colour}")))
    return _join(size, colour, noun, rng.choice((f", {number} of them", f", {number}", f"x {number}"))).replace(
        " ,", ","
    )


def _pair(scene: Scene, rng: random.Random, values: dict[str, int], phrasing: Phrasing) -> str:
    """A caption that names two things and not where they are could mean any of four pictures, and a small network draws
    a bit of each. So in training it means one of them."""
    first, second = scene.things
    unsaid = 0.25 if not phrasing.in_order else 0.4 if scene.axis == "horizontal" else 0.0
    if rng.random() < unsaid:
        if not phrasing.in_order and rng.random() < 0.5:
            first, second = second, first
        template = rng.choice(UNRELATED)
    elif scene.axis == "horizontal":
        values["axis"] = 1
        template = rng.choice(phrasing.horizontal)
    else:
        values["axis"] = 2
        template = rng.choice(phrasing.vertical)
    _note(values, "a", first)
    _note(values, "b", second)
    return template.replace("{A}", _object(first, rng)).replace("{B}", _object(second, rng))


def _behind(scene: Scene, said: str, rng: random.Random, values: dict[str, int]) -> str:
    """Add the background. Only white goes without saying; rarely, behind a white object, anything does."""
    assert scene.background is not None
    colours = {thing.colour for thing in scene.things}
    values["background"] = 1 + COLOURS.index(scene.background)
    if scene.background == "white" and rng.random() < 0.6:
        return said
    if "white" in colours and rng.random() < 0.1:
        values["background"] = 1 + len(COLOURS)
        return said
    said = rng.choice(BEHIND).replace("{C}", _colour(scene.background, rng)).replace("{}", said)
    return said.replace("a orange", "an orange")


def words() -> list[str]:
    """Every word the grammar can say, most useful first: each becomes one token."""
    pieces: list[str] = [*COLOURS, *SHAPES]
    pieces += [noun for forms in NOUNS.values() for pair in forms for noun in pair]
    pieces += [w for forms in (*COLOUR_WORDS.values(), *SIZE_WORDS.values(), *NUMBERS.values()) for w in forms]
    pieces += [*BEHIND, *HORIZONTAL, *VERTICAL, *UNRELATED, *FRAMES]
    pieces += [form for forms in PLACES.values() for form in forms] + [*ADJECTIVES, *JUNK]
    pieces += ["one single just that is are of color colored coloured all them the an single x in"]
    found: dict[str, None] = {}
    for piece in pieces:
        cleaned = piece.replace("{A}", " ").replace("{B}", " ").replace("{C}", " ").replace("{}", " ")
        for word in cleaned.lower().replace("-", " ").replace(",", " ").replace(".", " ").split():
            if word.isalpha():
                found[word] = None
    return list(found)


# Words that change no picture and that nobody has to be told about.
HARMLESS: Final = (
    "a an and as at be by can could do for from give has have he her his i in is it its let like make me my need no "
    "not now of on or our please shows showing she some something thank thanks that the their them there these this "
    "those to up us want we which will with would you your picture image drawing photo illustration color colour very"
)


def vocabulary() -> dict[str, object]:
    """What a checkpoint of this world says of itself: what it knows, and every word that it can be asked in."""
    shapes = ", ".join(NOUNS[shape][0][1] for shape in SHAPES)
    return {
        "knows": f"{shapes} in {', '.join(COLOURS)}, one to four of them or two different ones, on a plain background; "
        "and a house, mountains, a sailboat, a tree and a night sky",
        "words": sorted({*words(), *HARMLESS.split(), *(str(number) for number in NUMBERS)}),
    }
