"""The world the starter model knows: flat vector drawings, each a pure function of a seed.

`scene(seed)` decides what is in the picture and where; `draw(scene, resolution)` paints it. Coordinates are those of a
256x256 canvas whatever the resolution, so the second stage of training sees the same pictures, only sharper.
"""

import math
import random
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import skia

CANVAS: Final = 256
MARGIN: Final = 6

SHAPES: Final = ("circle", "square", "triangle", "star", "heart", "hexagon", "ring", "cross")
PALETTE: Final[dict[str, tuple[int, int, int]]] = {
    "red": (220, 40, 40), "orange": (245, 140, 30), "yellow": (250, 220, 50), "green": (50, 160, 70),
    "blue": (40, 90, 210), "purple": (130, 60, 170), "pink": (250, 150, 190), "brown": (125, 75, 40),
    "black": (20, 20, 20), "white": (250, 250, 250), "gray": (140, 140, 140),
}  # fmt: skip
COLOURS: Final = tuple(PALETTE)
JITTER: Final = 8

# Never drawn in training, so that the evaluation can tell composition from memory.
HELD_OUT: Final = frozenset({
    ("circle", "purple"), ("square", "orange"), ("triangle", "pink"), ("star", "blue"),
    ("heart", "green"), ("hexagon", "red"), ("ring", "yellow"), ("cross", "brown"),
})  # fmt: skip

Kind = Literal["objects", "pair", "house", "mountains", "sailboat", "tree", "night"]
Axis = Literal["horizontal", "vertical"]
SizeWord = Literal["small", "medium", "large"]

LANDSCAPES: Final = ("house", "mountains", "sailboat", "tree", "night")
# The colours that a landscape's caption names (the walls, the sails, the leaves); empty where there is none.
LANDSCAPE_COLOURS: Final[dict[str, tuple[str, ...]]] = {
    "house": ("red", "orange", "yellow", "green", "purple", "pink", "brown", "white", "gray"),
    "sailboat": ("red", "orange", "yellow", "green", "purple", "pink", "white", "black"),
    "tree": ("green", "red", "orange"),
    "mountains": (),
    "night": (),
}
RADII: Final[dict[SizeWord, tuple[float, float]]] = {"small": (24, 34), "medium": (44, 64), "large": (72, 92)}
# Two have to share the canvas and keep their distance: a picture is made of latents of 16 pixels, and what stands
# nearer than one of them melts into its neighbour.
PAIR_RADII: Final[dict[SizeWord, tuple[float, float]]] = {"small": (24, 32), "medium": (38, 44), "large": (58, 66)}
PAIR_GAP: Final = 24


@dataclass(frozen=True)
class Arrangement:
    """Where equal objects stand: (column, row) from the middle of the canvas, in units of `room` pixels."""

    at: tuple[tuple[float, float], ...]
    room: float
    radii: tuple[float, float]  # of the objects whose size is not named


ARRANGEMENTS: Final[dict[int, tuple[Arrangement, ...]]] = {
    2: (Arrangement(((-0.5, 0), (0.5, 0)), 122, (38, 50)), Arrangement(((0, -0.5), (0, 0.5)), 122, (38, 50))),
    3: (Arrangement(((0, -0.5), (-0.5, 0.5), (0.5, 0.5)), 118, (36, 48)),),
    4: (Arrangement(((-0.5, -0.5), (0.5, -0.5), (-0.5, 0.5), (0.5, 0.5)), 118, (34, 48)),),
}

Mix = dict[str, float]
DEFAULT_MIX: Final[Mix] = {"single": 0.32, "count": 0.26, "pair": 0.34, "landscape": 0.08}


@dataclass(frozen=True)
class Thing:
    """One object: what the caption may say of it, then where and how it is painted."""

    shape: str
    colour: str
    size: SizeWord
    x: float
    y: float
    radius: float
    angle: float  # degrees
    rgb: tuple[int, int, int]


@dataclass(frozen=True)
class Scene:
    """`things` of a pair come left or top first when `axis` is set and named; otherwise in no particular order."""

    kind: Kind
    things: tuple[Thing, ...]
    background: str | None  # a colour; None in a landscape
    background_rgb: tuple[int, int, int]
    axis: Axis | None = None  # how a pair lies
    colour: str | None = None  # what a landscape's caption names
    seed: int = 0


def _paint(rng: random.Random, colour: str) -> tuple[int, int, int]:
    r, g, b = (min(255, max(0, c + rng.randint(-JITTER, JITTER))) for c in PALETTE[colour])
    return r, g, b


def _colour(rng: random.Random, shape: str, *, but: tuple[str, ...], held_out: bool) -> str:
    allowed = [c for c in COLOURS if c not in but and (held_out or (shape, c) not in HELD_OUT)]
    return rng.choice(allowed)


def _size(rng: random.Random) -> SizeWord:
    return rng.choices(("small", "medium", "large"), (0.22, 0.54, 0.24))[0]


def _background(rng: random.Random, colours: tuple[str, ...]) -> str:
    """White for a bit less than half of the pictures, any other colour evenly; never an object's own colour."""
    if "white" not in colours and rng.random() < 0.4:
        return "white"
    return rng.choice([c for c in COLOURS if c not in colours])


def _thing(rng: random.Random, shape: str, colour: str, size: SizeWord, x: float, y: float, radius: float) -> Thing:
    return Thing(shape, colour, size, x, y, radius, rng.uniform(-12, 12), _paint(rng, colour))


def single(rng: random.Random, shape: str, colour: str, size: SizeWord, background: str) -> Scene:
    radius = rng.uniform(*RADII[size])
    room = max(0.0, CANVAS / 2 - MARGIN - radius)
    spread = min(room, 24.0)
    x, y = (CANVAS / 2 + rng.uniform(-spread, spread) for _ in range(2))
    thing = _thing(rng, shape, colour, size, x, y, radius)
    return Scene("objects", (thing,), background, _paint(rng, background))


def several(rng: random.Random, count: int, shape: str, colour: str, size: SizeWord, background: str) -> Scene:
    """`count` equal objects, not touching, in one of ARRANGEMENTS; `size` is "small" or "medium".

    Orderly places, a little shaken, because a caption says nothing of places: where anything may stand anywhere, a
    small network learns the places first and the number and the shape last.
    """
    places = rng.choice(ARRANGEMENTS[count])
    radius = rng.uniform(24, 30) if size == "small" else rng.uniform(*places.radii)
    rgb = _paint(rng, colour)
    shift_x, shift_y = (rng.uniform(-8, 8) for _ in range(2))
    shake = min(8.0, (places.room - 2 * radius - 14) / 2)  # so that neighbours keep their distance
    centres = []
    for column, row in places.at:
        x = CANVAS / 2 + column * places.room + shift_x + rng.uniform(-shake, shake)
        y = CANVAS / 2 + row * places.room + shift_y + rng.uniform(-shake, shake)
        low, high = MARGIN + radius, CANVAS - MARGIN - radius
        centres.append((min(max(x, low), high), min(max(y, low), high)))
    things = tuple(Thing(shape, colour, size, x, y, radius, rng.uniform(-12, 12), rgb) for x, y in sorted(centres))
    return Scene("objects", things, background, _paint(rng, background))


def pair(
    rng: random.Random,
    first: tuple[str, str, SizeWord],
    second: tuple[str, str, SizeWord],
    axis: Axis,
    background: str,
) -> Scene:
    """Two objects (shape, colour, size), the first one left of or above the second."""
    if first[2] == second[2] == "large":
        raise ValueError("Two large objects do not fit on one canvas: make one of them small or medium.")
    radii = [rng.uniform(*PAIR_RADII[size]) for _, _, size in (first, second)]
    slack = CANVAS - 2 * MARGIN - PAIR_GAP - 2 * sum(radii)
    lead, gap, _ = _split(rng, slack)
    a = MARGIN + lead + radii[0]
    b = a + radii[0] + PAIR_GAP + gap + radii[1]
    placed = []
    for (shape, colour, size), along, radius in zip((first, second), (a, b), radii, strict=True):
        across = CANVAS / 2 + rng.uniform(-12, 12)
        x, y = (along, across) if axis == "horizontal" else (across, along)
        placed.append(_thing(rng, shape, colour, size, x, y, radius))
    return Scene("pair", tuple(placed), background, _paint(rng, background), axis=axis)


def _split(rng: random.Random, slack: float) -> tuple[float, float, float]:
    """Break the free length in three: before, between, after. Mostly even, so that the two lie about the middle."""
    parts = [rng.uniform(0.8, 1.2) for _ in range(3)]
    before, between, after = (slack * p / sum(parts) for p in parts)
    return before, between, after


def category(seed: int, mix: Mix = DEFAULT_MIX) -> str:
    """Which category the scene of this seed belongs to: the first thing that `scene` decides."""
    return random.Random(seed).choices(list(mix), list(mix.values()))[0]


def scene(seed: int, *, mix: Mix = DEFAULT_MIX, held_out: bool = False) -> Scene:
    """What the picture of this seed shows. `held_out=True` also allows the combinations never drawn in training."""
    rng = random.Random(seed)
    chosen = rng.choices(list(mix), list(mix.values()))[0]
    if chosen == "landscape":
        kind = rng.choices(LANDSCAPES, (3, 1.5, 2.5, 2.5, 1.5))[0]
        colour = rng.choice(LANDSCAPE_COLOURS[kind]) if LANDSCAPE_COLOURS[kind] else None
        return Scene(kind, (), None, (255, 255, 255), colour=colour, seed=seed)  # type: ignore[arg-type]
    shape = rng.choice(SHAPES)
    if chosen == "pair":
        other = rng.choice(SHAPES)
        colour = _colour(rng, shape, but=(), held_out=held_out)
        second = _colour(rng, other, but=(colour,), held_out=held_out)
        sizes = [_size(rng), _size(rng)]
        if sizes == ["large", "large"]:
            sizes[rng.randrange(2)] = rng.choice(("small", "medium"))
        axis: Axis = rng.choice(("horizontal", "vertical"))
        background = _background(rng, (colour, second))
        made = pair(rng, (shape, colour, sizes[0]), (other, second, sizes[1]), axis, background)
    else:
        colour = _colour(rng, shape, but=(), held_out=held_out)
        background = _background(rng, (colour,))
        if chosen == "single":
            made = single(rng, shape, colour, _size(rng), background)
        else:
            count = rng.choices((2, 3, 4), (1, 1, 1))[0]
            size: SizeWord = "small" if rng.random() < 0.15 else "medium"
            made = several(rng, count, shape, colour, size, background)
    return Scene(made.kind, made.things, made.background, made.background_rgb, made.axis, None, seed)


# ---------------------------------------------------------------------------------------------------------------------
# Painting


def outline(shape: str) -> skia.Path:
    """The shape about the origin with radius one. y points down, as on every canvas."""
    path = skia.PathBuilder()
    if shape == "circle":
        path.addCircle(0, 0, 1)
    elif shape == "square":
        path.addRect(skia.Rect.MakeLTRB(-0.86, -0.86, 0.86, 0.86))
    elif shape == "triangle":
        path.addPolygon(_corners(3, (1.1,), start=-90, drop=0.22), True)
    elif shape == "star":
        path.addPolygon(_corners(10, (1.06, 0.43), start=-90, drop=0.06), True)
    elif shape == "hexagon":
        path.addPolygon(_corners(6, (1.0,), start=0), True)
    elif shape == "cross":
        a, b = 0.96, 0.31
        points = [
            (-b, -a),
            (b, -a),
            (b, -b),
            (a, -b),
            (a, b),
            (b, b),
            (b, a),
            (-b, a),
            (-b, b),
            (-a, b),
            (-a, -b),
            (-b, -b),
        ]
        path.addPolygon([skia.Point(x, y) for x, y in points], True)
    elif shape == "ring":
        path.addCircle(0, 0, 1)
        path.addCircle(0, 0, 0.55)
        path.setFillType(skia.PathFillType.kEvenOdd)
    elif shape == "heart":
        path.moveTo(0, 0.95)
        path.cubicTo(-0.45, 0.55, -1.0, 0.2, -1.0, -0.32)
        path.cubicTo(-1.0, -0.7, -0.75, -0.9, -0.5, -0.9)
        path.cubicTo(-0.25, -0.9, -0.08, -0.75, 0, -0.5)
        path.cubicTo(0.08, -0.75, 0.25, -0.9, 0.5, -0.9)
        path.cubicTo(0.75, -0.9, 1.0, -0.7, 1.0, -0.32)
        path.cubicTo(1.0, 0.2, 0.45, 0.55, 0, 0.95)
        path.close()
    else:
        raise ValueError(f"The world has no shape {shape!r}: it knows {', '.join(SHAPES)}.")
    return path.detach()


def _corners(count: int, radii: tuple[float, ...], *, start: float, drop: float = 0.0) -> list[skia.Point]:
    """Corners on circles whose radii alternate; `drop` moves the figure down so that its box is centred."""
    points = []
    for i in range(count):
        turn, radius = math.radians(start + 360 * i / count), radii[i % len(radii)]
        points.append(skia.Point(radius * math.cos(turn), radius * math.sin(turn) + drop))
    return points


def draw(what: Scene, resolution: int = CANVAS) -> np.ndarray:
    """The picture as (resolution, resolution, 3) bytes."""
    pixels = np.zeros((resolution, resolution, 4), np.uint8)
    info = skia.ImageInfo.Make(resolution, resolution, skia.kRGBA_8888_ColorType, skia.kPremul_AlphaType)
    canvas = skia.Surface.MakeRasterDirect(info, pixels).getCanvas()
    canvas.scale(resolution / CANVAS, resolution / CANVAS)
    if what.kind in LANDSCAPES:
        from easel.train.landscapes import paint_landscape

        paint_landscape(canvas, what)
    else:
        canvas.clear(skia.Color(*what.background_rgb))
        for thing in what.things:
            canvas.save()
            canvas.translate(thing.x, thing.y)
            canvas.rotate(thing.angle)
            canvas.scale(thing.radius, thing.radius)
            canvas.drawPath(outline(thing.shape), skia.Paint(AntiAlias=True, Color=skia.Color(*thing.rgb)))
            canvas.restore()
    return pixels[:, :, :3].copy()
