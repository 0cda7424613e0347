"""Does the model change a picture as it is asked? Inpainting and image to image, judged like everything else.

Every case begins from a true drawing of one object and asks for another object in its place. Inpainted, the rest of the
picture has to stay what it was; drawn over, the new object has to stand where the old one stood.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from easel.train import detector, world
from easel.train.drawing import Studio
from easel.train.world import COLOURS, HELD_OUT, SHAPES, Scene

Task = Literal["inpaint", "img2img"]
FIRST_SEED: Final = 7_000_000
MARGIN: Final = 14  # pixels of a 256-pixel canvas that the mask reaches beyond the object
STRENGTH: Final = {"inpaint": 1.0, "img2img": 0.85}
UNTOUCHED: Final = 3.0  # levels of 255 that the rest may differ by, in the mean
NEAR: Final = 0.15  # of the side, that the new object's middle may be off the old one's


@dataclass(frozen=True)
class Case:
    scene: Scene
    shape: str
    colour: str
    prompt: str
    seed: int


def cases(count: int) -> Iterator[Case]:
    """The first `count` cases: always the same ones."""
    rng, seed = random.Random("cases"), FIRST_SEED
    while count:
        seed += 1
        scene = world.scene(seed, mix={"single": 1})
        old = scene.things[0]
        shape, colour = rng.choice(SHAPES), rng.choice(COLOURS)
        if old.size == "small" or (shape, colour) in HELD_OUT or colour == scene.background or shape == old.shape:
            continue
        behind = "" if scene.background == "white" else f" on a {scene.background} background"
        count -= 1
        yield Case(scene, shape, colour, f"a {colour} {shape}{behind}", seed)


def mask(scene: Scene, side: int) -> np.ndarray:
    """side x side bytes, 255 over the object and a little around it."""
    old, scale = scene.things[0], side / world.CANVAS
    reach = 1.1 * old.radius + MARGIN
    low_x, high_x, low_y, high_y = (
        int(min(max((middle + way * reach) * scale, 0), side)) for middle in (old.x, old.y) for way in (-1, 1)
    )
    drawn = np.zeros((side, side), np.uint8)
    drawn[low_y:high_y, low_x:high_x] = 255
    return drawn


def judge(task: Task, made: np.ndarray, case: Case) -> str:
    """What is wrong with the picture, in words; empty where nothing is."""
    seen, old, side = detector.detect(made), case.scene.things[0], made.shape[0]
    if seen.background != case.scene.background:
        return f"background {seen.background} instead of {case.scene.background}"
    if [(thing.shape, thing.colour) for thing in seen.objects] != [(case.shape, case.colour)]:
        found = ", ".join(f"{thing.colour} {thing.shape}" for thing in seen.objects) or "nothing"
        return f"{found} instead of {case.colour} {case.shape}"
    [new] = seen.objects
    if max(abs(new.x - old.x / world.CANVAS), abs(new.y - old.y / world.CANVAS)) > NEAR:
        return "not where the old object was"
    if task == "inpaint":
        rest = mask(case.scene, side) == 0
        changed = np.abs(made.astype(float) - world.draw(case.scene, side))[rest].mean()
        if changed > UNTOUCHED:
            return f"the rest changed by {changed:.1f} levels"
    return ""


def evaluate(studio: Studio, task: Task, count: int, side: int, *, batch: int = 10) -> dict[str, Any]:
    """The share of right pictures, and what went wrong with the others."""
    asked = list(cases(count))
    failures: list[dict[str, str]] = []
    for i in range(0, count, batch):
        some = asked[i : i + batch]
        for case, made in zip(some, studio.draw([_request(task, case, side) for case in some]), strict=True):
            if why := judge(task, made, case):
                failures.append({"prompt": case.prompt, "why": why})
    return {"task": task, "score": 1 - len(failures) / count, "count": count, "failures": failures}


def _request(task: Task, case: Case, side: int) -> dict[str, Any]:
    masked = {"mask": mask(case.scene, side)} if task == "inpaint" else {}
    init = world.draw(case.scene, side)
    return {"prompt": case.prompt, "seed": case.seed, "init": init, "strength": STRENGTH[task], **masked}
