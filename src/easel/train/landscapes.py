"""The little landscapes of the world: a house, mountains at sunset, a sailboat, a tree in a field, a night sky."""

import random

import skia

from easel.train.world import CANVAS, PALETTE, Scene, outline

RGB = tuple[int, int, int]
SKY: RGB = (140, 195, 240)
GRASS: RGB = (95, 175, 85)
SEA: RGB = (35, 95, 170)


class Brush:
    """Flat fills with a little colour jitter, in canvas coordinates."""

    def __init__(self, canvas: skia.Canvas, rng: random.Random) -> None:
        self.canvas = canvas
        self.rng = rng

    def paint(self, rgb: RGB) -> skia.Paint:
        jittered = (min(255, max(0, c + self.rng.randint(-8, 8))) for c in rgb)
        return skia.Paint(AntiAlias=True, Color=skia.Color(*jittered))

    def rect(self, left: float, top: float, right: float, bottom: float, rgb: RGB) -> None:
        self.canvas.drawRect(skia.Rect.MakeLTRB(left, top, right, bottom), self.paint(rgb))

    def circle(self, x: float, y: float, radius: float, rgb: RGB) -> None:
        self.canvas.drawCircle(x, y, radius, self.paint(rgb))

    def polygon(self, points: list[tuple[float, float]], rgb: RGB) -> None:
        path = skia.PathBuilder()
        path.addPolygon([skia.Point(x, y) for x, y in points], True)
        self.canvas.drawPath(path.detach(), self.paint(rgb))


def paint_landscape(canvas: skia.Canvas, what: Scene) -> None:
    rng = random.Random(f"landscape {what.seed}")
    painter = {"house": _house, "mountains": _mountains, "sailboat": _sailboat, "tree": _tree, "night": _night}
    painter[what.kind](Brush(canvas, rng), rng, PALETTE[what.colour] if what.colour else (0, 0, 0))


def _house(brush: Brush, rng: random.Random, colour: RGB) -> None:
    ground = rng.uniform(180, 205)
    brush.rect(0, 0, CANVAS, ground, SKY)
    brush.rect(0, ground, CANVAS, CANVAS, GRASS)
    x, half, high = 128 + rng.uniform(-24, 24), rng.uniform(50, 62), rng.uniform(72, 90)
    base, top = ground + 12, ground + 12 - high
    brush.rect(x - half, top, x + half, base, colour)
    roof = (120, 60, 40) if colour != PALETTE["brown"] else (90, 90, 95)
    brush.polygon([(x - half - 12, top), (x, top - rng.uniform(44, 56)), (x + half + 12, top)], roof)
    brush.rect(x - 12, base - 42, x + 12, base, (85, 50, 30))
    for side in (-1, 1):
        w = x + side * half * 0.6
        brush.rect(w - 11, top + 14, w + 11, top + 36, (235, 240, 250))


def _mountains(brush: Brush, rng: random.Random, _: RGB) -> None:
    bands = [(250, 150, 70), (248, 125, 80), (235, 100, 95), (190, 80, 110)][::-1]
    for i, rgb in enumerate(bands):
        brush.rect(0, i * 44, CANVAS, CANVAS, rgb)
    brush.circle(128 + rng.uniform(-50, 50), rng.uniform(120, 145), rng.uniform(26, 34), (255, 220, 100))
    for left, peak, right, high, rgb in ((-40, 60, 170, 110, (110, 65, 110)), (90, 190, 300, 120, (85, 50, 95))):
        p = peak + rng.uniform(-18, 18)
        brush.polygon([(left, 230), (p, 230 - high - rng.uniform(-10, 14)), (right, 230)], rgb)
    brush.rect(0, 205 + rng.uniform(-4, 4), CANVAS, CANVAS, (55, 35, 70))


def _sailboat(brush: Brush, rng: random.Random, colour: RGB) -> None:
    sea = rng.uniform(165, 185)
    brush.rect(0, 0, CANVAS, sea, SKY)
    brush.rect(0, sea, CANVAS, CANVAS, SEA)
    x, y, size = 128 + rng.uniform(-26, 26), sea + rng.uniform(4, 16), rng.uniform(0.9, 1.1)
    brush.polygon(
        [(x - 62 * size, y - 18), (x + 62 * size, y - 18), (x + 40 * size, y + 12), (x - 40 * size, y + 12)],
        (125, 75, 40),
    )
    top = y - 30 - 100 * size
    brush.rect(x - 2.5, top, x + 2.5, y - 16, (90, 60, 40))
    brush.polygon([(x + 5, top + 4), (x + 5, y - 26), (x + 56 * size, y - 26)], colour)
    brush.polygon([(x - 6, top + 22), (x - 6, y - 26), (x - 46 * size, y - 26)], colour)


def _tree(brush: Brush, rng: random.Random, colour: RGB) -> None:
    ground = rng.uniform(175, 198)
    brush.rect(0, 0, CANVAS, ground, SKY)
    brush.rect(0, ground, CANVAS, CANVAS, (170, 205, 95))
    x, base, crown = 128 + rng.uniform(-28, 28), ground + rng.uniform(6, 18), rng.uniform(42, 52)
    brush.rect(x - 10, base - 80, x + 10, base, (125, 75, 40))
    middle = base - 70 - crown * 0.7
    leaves = brush.paint(colour)
    for dx, dy, r in ((-0.6, 0.25, 0.75), (0.6, 0.25, 0.75), (0, -0.25, 0.95)):
        brush.canvas.drawCircle(x + dx * crown, middle + dy * crown, r * crown, leaves)


def _night(brush: Brush, rng: random.Random, _: RGB) -> None:
    brush.rect(0, 0, CANVAS, CANVAS, (20, 25, 70))
    x, y = 128 + rng.uniform(-60, 60), rng.uniform(62, 90)
    radius = rng.uniform(30, 40)
    brush.circle(x, y, radius, (250, 240, 190))
    placed = [(x, y, radius + 8)]
    while len(placed) < 8:
        a, b, r = rng.uniform(16, 240), rng.uniform(16, 196), rng.uniform(7, 11)
        if all((a - p) ** 2 + (b - q) ** 2 > (r + s + 8) ** 2 for p, q, s in placed):
            placed.append((a, b, r))
            brush.canvas.save()
            brush.canvas.translate(a, b)
            brush.canvas.scale(r, r)
            brush.canvas.drawPath(outline("star"), brush.paint((255, 235, 130)))
            brush.canvas.restore()
    hill = 215 + rng.uniform(-6, 6)
    brush.rect(0, hill, CANVAS, CANVAS, (12, 30, 40))
