import numpy as np
import pytest

from easel.train import detector, evaluate, world


@pytest.fixture(scope="module")
def ceiling() -> dict[str, float]:
    return evaluate.ceiling(20, 128)


@pytest.mark.parametrize("category", [*evaluate.CATEGORIES, "overall"])
def test_true_drawings_are_judged_right(ceiling: dict[str, float], category: str):
    assert ceiling[category] >= 0.98


def test_the_same_prompts_every_time_and_never_a_scene_of_training():
    first, second = (list(evaluate.prompts("position", 5)) for _ in range(2))
    assert first == second
    assert all(prompt.seed > evaluate.FIRST.first_seed for prompt in first)


def test_the_second_set_asks_for_other_scenes_in_other_words():
    first = {prompt.text for prompt in evaluate.prompts("position", 40)}
    second = {prompt.text for prompt in evaluate.prompts("position", 40, evaluate.SETS["second"])}
    assert len(second - first) == len(second) > 30


@pytest.mark.parametrize("wrong", ["colour", "shape", "count", "background", "order"])
def test_a_wrong_picture_is_told_from_a_right_one(wrong: str):
    import random
    from dataclasses import replace

    rng = random.Random(4)
    asked = world.pair(rng, ("star", "red", "medium"), ("square", "blue", "medium"), "horizontal", "white")
    first, second = asked.things
    drawn = {
        "colour": replace(asked, things=(replace(first, rgb=world.PALETTE["green"]), second)),
        "shape": replace(asked, things=(replace(first, shape="heart"), second)),
        "count": replace(asked, things=(first,)),
        "background": replace(asked, background_rgb=world.PALETTE["yellow"]),
        "order": replace(asked, things=(replace(first, x=second.x), replace(second, x=first.x))),
    }[wrong]
    assert evaluate.judge(world.draw(asked, 128), asked, True).right
    verdict = evaluate.judge(world.draw(drawn, 128), asked, True)
    assert not verdict.right
    assert verdict.why


def test_noise_is_nothing():
    noise = np.random.default_rng(0).integers(0, 255, (128, 128, 3), dtype=np.uint8)
    assert detector.detect(noise).background is None
