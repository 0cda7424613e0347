"""Does the model draw what it is asked for? Held-out prompts, a classical detector, a strict judgement.

The categories are GenEval's (Ghosh et al. 2023, arXiv:2310.11513) and background. In each of them a picture is right
only if every object is there in its shape and colour, nothing else is there, and relation and background are right.
Prompts are framed and related in words that training never used; half of the single objects and all of the colour
attributions hold a combination of shape and colour that was never drawn. There are two sets of prompts, with other
scenes, words and seeds: the second one judges what was chosen by the first.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from easel.train import captions, detector, world
from easel.train.captions import ATTRIBUTES, Phrasing, caption
from easel.train.detector import Detection
from easel.train.drawing import Draw
from easel.train.world import HELD_OUT, Scene

CATEGORIES: Final = (
    "single object",
    "colour",
    "counting",
    "two objects",
    "position",
    "colour attribution",
    "background",
)
MIXES: Final[dict[str, world.Mix]] = {
    "single object": {"single": 1}, "colour": {"single": 1}, "background": {"single": 1}, "counting": {"count": 1},
    "two objects": {"pair": 1}, "position": {"pair": 1}, "colour attribution": {"pair": 1},
}  # fmt: skip


@dataclass(frozen=True)
class PromptSet:
    name: str
    first_seed: int  # of scenes that no training reaches
    phrasing: Phrasing


SETS: Final[Mapping[str, PromptSet]] = {
    "first": PromptSet("first", 5_000_000, captions.HELD_OUT),
    "second": PromptSet("second", 9_000_000, captions.SECOND),
}
FIRST: Final = SETS["first"]


@dataclass(frozen=True)
class Prompt:
    category: str
    text: str
    scene: Scene
    related: bool  # the text says where the two objects are
    seed: int


@dataclass(frozen=True)
class Verdict:
    right: bool
    why: str


def prompts(category: str, count: int, chosen: PromptSet = FIRST) -> Iterator[Prompt]:
    """The first `count` prompts of a category: always the same ones."""
    rng = random.Random(f"prompts for {category}" + ("" if chosen is FIRST else f", {chosen.name} set"))
    seed = chosen.first_seed
    while count:
        seed += 1
        scene = world.scene(seed, mix=MIXES[category], held_out=True)
        said = caption(scene, rng, chosen.phrasing)
        related = said.attributes[list(ATTRIBUTES).index("axis")] > 0
        if _belongs(category, scene, related, said.attributes[list(ATTRIBUTES).index("background")]):
            count -= 1
            yield Prompt(category, said.text, scene, related, seed)


def _belongs(category: str, scene: Scene, related: bool, background: int) -> bool:
    never_drawn = any((thing.shape, thing.colour) in HELD_OUT for thing in scene.things)
    if background > len(world.COLOURS):  # a background that the prompt leaves open cannot be judged
        return False
    return {
        "single object": scene.background == "white" and not never_drawn,
        "colour": scene.background == "white" and never_drawn,
        "counting": not never_drawn,
        "two objects": not related and not never_drawn,
        "position": related and not never_drawn,
        "colour attribution": never_drawn,
        "background": scene.background != "white" and not never_drawn,
    }[category]


def judge(picture: np.ndarray, scene: Scene, related: bool) -> Verdict:
    return verdict(detector.detect(picture), scene, related)


def facts(seen: Detection, scene: Scene) -> dict[str, bool]:
    """Background, number, colours and shapes, each judged without the others: where a model that errs still stands.

    Colours and shapes are compared as collections, over the objects that are there.
    """
    return {
        "background": seen.background == scene.background,
        "number": len(seen.objects) == len(scene.things),
        "colours": sorted(t.colour for t in scene.things) == sorted(t.colour or "?" for t in seen.objects),
        "shapes": sorted(t.shape for t in scene.things) == sorted(t.shape or "?" for t in seen.objects),
    }


def verdict(seen: Detection, scene: Scene, related: bool) -> Verdict:
    if seen.background != scene.background:
        return Verdict(False, f"background {seen.background} instead of {scene.background}")
    if len(seen.objects) != len(scene.things):
        return Verdict(False, f"{len(seen.objects)} objects instead of {len(scene.things)}")
    wanted = sorted((thing.shape, thing.colour) for thing in scene.things)
    got = sorted((thing.shape or "?", thing.colour or "?") for thing in seen.objects)
    if wanted != got:
        return Verdict(
            False, f"{', '.join(f'{c} {s}' for s, c in got)} instead of {', '.join(f'{c} {s}' for s, c in wanted)}"
        )
    if related:
        first, second = scene.things
        places = {(thing.shape, thing.colour): thing for thing in seen.objects}
        a, b = places[first.shape, first.colour], places[second.shape, second.colour]
        along, across = (b.x - a.x, b.y - a.y) if scene.axis == "horizontal" else (b.y - a.y, b.x - a.x)
        if along < 0.1 or along < abs(across):
            return Verdict(False, f"not {scene.axis} in the order asked for")
    return Verdict(True, "")


def ceiling(count: int, resolution: int, chosen: PromptSet = FIRST) -> dict[str, float]:
    """The detector's own accuracy: the same prompts, answered by true drawings."""
    scores = {}
    for category in CATEGORIES:
        asked = list(prompts(category, count, chosen))
        scores[category] = sum(judge(world.draw(p.scene, resolution), p.scene, p.related).right for p in asked) / count
    return scores | {"overall": sum(scores.values()) / len(scores)}


def evaluate(draw: Draw, count: int, *, batch: int = 10, chosen: PromptSet = FIRST) -> dict[str, Any]:
    """Scores per category, and what went wrong with each picture that is not right."""
    scores: dict[str, float] = {}
    failures: list[dict[str, str]] = []
    right_facts: dict[str, int] = {}
    for category in CATEGORIES:
        asked = list(prompts(category, count, chosen))
        right = 0
        for i in range(0, count, batch):
            some = asked[i : i + batch]
            for p, picture in zip(some, draw([p.text for p in some], [p.seed for p in some]), strict=True):
                seen = detector.detect(picture)
                judged = verdict(seen, p.scene, p.related)
                right += judged.right
                if not judged.right:
                    failures.append({"category": category, "prompt": p.text, "why": judged.why})
                for fact, holds in facts(seen, p.scene).items():
                    right_facts[fact] = right_facts.get(fact, 0) + holds
        scores[category] = right / count
    return {
        "scores": scores | {"overall": sum(scores.values()) / len(scores)},
        "facts": {fact: n / (count * len(CATEGORIES)) for fact, n in right_facts.items()},
        "prompts_each": count,
        "set": chosen.name,
        "failures": failures,
    }
