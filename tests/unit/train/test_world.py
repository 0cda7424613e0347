"""The drawn world: a picture and its captions are pure functions of a seed."""

import random

import numpy as np
import pytest

from easel.train import captions, world


def test_a_picture_is_a_pure_function_of_its_seed():
    for seed in range(30):
        first, second = world.scene(seed), world.scene(seed)
        assert first == second
        assert np.array_equal(world.draw(first, 64), world.draw(second, 64))


def test_other_seeds_give_other_pictures():
    pictures = {world.draw(world.scene(seed), 64).tobytes() for seed in range(50)}
    assert len(pictures) == 50


@pytest.mark.parametrize("resolution", [64, 128, 256])
def test_the_resolution_changes_the_sharpness_and_not_the_picture(resolution: int):
    scene = world.scene(3)
    small = world.draw(scene, 32).astype(float)
    large = world.draw(scene, resolution).astype(float)
    side = resolution // 32
    shrunk = large.reshape(32, side, 32, side, 3).mean((1, 3))
    assert np.abs(shrunk - small).mean() < 3


def test_held_out_combinations_are_never_drawn_in_training():
    drawn = {(t.shape, t.colour) for seed in range(4000) for t in world.scene(seed).things}
    assert not drawn & world.HELD_OUT
    assert len(drawn) == len(world.SHAPES) * len(world.COLOURS) - len(world.HELD_OUT)  # and every other one is


def test_the_evaluation_may_draw_them():
    drawn = {(t.shape, t.colour) for seed in range(1500) for t in world.scene(seed, held_out=True).things}
    assert drawn >= world.HELD_OUT


def test_objects_lie_inside_and_apart():
    for seed in range(1500):
        things = world.scene(seed).things
        for thing in things:
            assert thing.radius <= thing.x <= world.CANVAS - thing.radius
            assert thing.radius <= thing.y <= world.CANVAS - thing.radius
        for i, a in enumerate(things):
            for b in things[:i]:
                assert np.hypot(a.x - b.x, a.y - b.y) > a.radius + b.radius


def test_a_pair_lies_as_its_axis_says():
    for seed in range(1500):
        scene = world.scene(seed, mix={"pair": 1})
        first, second = scene.things
        assert first.colour != second.colour
        if scene.axis == "horizontal":
            assert first.x < second.x
        else:
            assert first.y < second.y


def test_two_large_objects_are_refused_with_a_sentence():
    with pytest.raises(ValueError, match="do not fit on one canvas"):
        world.pair(random.Random(0), ("star", "red", "large"), ("ring", "black", "large"), "vertical", "white")


def _said(colour: str, text: str) -> bool:
    return any(word in text for word in captions.COLOUR_WORDS[colour])


@pytest.mark.parametrize("phrasing", [captions.TRAINING, captions.HELD_OUT, captions.SECOND])
def test_a_caption_says_what_the_scene_shows(phrasing: captions.Phrasing):
    rng = random.Random(1)
    for seed in range(600):
        scene = world.scene(seed, held_out=phrasing is not captions.TRAINING)
        said = captions.caption(scene, rng, phrasing)
        told = dict(zip(captions.ATTRIBUTES, said.attributes, strict=True))
        assert all(0 <= value < captions.ATTRIBUTES[name] for name, value in told.items())
        assert "{" not in said.text
        assert told["count"] == len(scene.things)
        for thing in scene.things:
            assert _said(thing.colour, said.text)
            assert any(form in said.text for pair in captions.NOUNS[thing.shape] for form in pair)
            if thing.size == "small":
                assert any(word in said.text for word in ("small", "tiny", "little"))
        if len(scene.things) > 1 and scene.kind == "objects":
            assert any(word in said.text for word in captions.NUMBERS[len(scene.things)])
        if scene.background and scene.background != "white" and told["background"] <= len(world.COLOURS):
            assert _said(scene.background, said.text)


def test_slot_a_is_the_left_or_upper_object_when_the_relation_is_said():
    rng = random.Random(2)
    for seed in range(400):
        scene = world.scene(seed, mix={"pair": 1})
        told = dict(zip(captions.ATTRIBUTES, captions.caption(scene, rng).attributes, strict=True))
        first = scene.things[0]
        if told["axis"]:
            assert (told["shape_a"], told["colour_a"]) == (
                1 + world.SHAPES.index(first.shape),
                1 + world.COLOURS.index(first.colour),
            )


def test_two_in_a_picture_keep_a_latent_and_a_half_between_them():
    for seed in range(300):
        first, second = world.scene(seed, mix={"pair": 1}).things
        apart = max(abs(first.x - second.x), abs(first.y - second.y))
        assert apart - first.radius - second.radius >= world.PAIR_GAP - 1e-6


def test_two_that_are_only_named_stand_side_by_side_in_that_order():
    rng = random.Random(3)
    axis, shape, colour = (list(captions.ATTRIBUTES).index(name) for name in ("axis", "shape_a", "colour_a"))
    unsaid = 0
    for seed in range(400):
        scene = world.scene(seed, mix={"pair": 1})
        said = captions.caption(scene, rng)
        if said.attributes[axis] == 0:
            unsaid += 1
            left = scene.things[0]
            assert scene.axis == "horizontal"
            assert (world.SHAPES[said.attributes[shape] - 1], world.COLOURS[said.attributes[colour] - 1]) == (
                left.shape,
                left.colour,
            )
    assert 40 < unsaid < 120
