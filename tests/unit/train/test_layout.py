"""What stands where, and the head that reads it."""

import random

import numpy as np
import pytest
import torch

from easel.train import denoiser, layout, world
from easel.train.world import COLOURS, SHAPES


def test_labels_name_the_shape_and_the_colour_at_each_place():
    scene = world.pair(
        random.Random(1), ("square", "red", "medium"), ("circle", "blue", "medium"), "horizontal", "white"
    )
    shapes, colours = layout.labels(scene, 16)
    for thing in scene.things:
        column, row = int(thing.x / 16), int(thing.y / 16)
        assert SHAPES[shapes[row, column] - 1] == thing.shape
        assert COLOURS[colours[row, column]] == thing.colour
    assert shapes[0, 0] == 0
    assert COLOURS[colours[0, 0]] == "white"


def test_a_ring_is_hollow():
    shapes, colours = layout.labels(world.single(random.Random(1), "ring", "red", "large", "green"), 16)
    assert {int(shapes[8, 8]), int(shapes[0, 0])} == {0}
    assert COLOURS[colours[8, 8]] == "green"
    assert (shapes == 1 + SHAPES.index("ring")).sum() > 20


def test_nothing_is_said_of_a_landscape():
    scene = next(s for s in map(world.scene, range(200)) if s.kind == "house")
    assert (layout.labels(scene, 16) == layout.UNSAID).all()


def test_errors_count_more_where_an_object_is_seen():
    said = torch.zeros(3, 2, 2, 2, dtype=torch.uint8)
    said[:, 0, 0, 0] = 1
    said[2] = layout.UNSAID
    errors, times = torch.zeros(3, 1, 2, 2), torch.tensor([100, layout.LAYOUT_SEEN, 100])
    errors[:, :, 0, 0] = 1
    each = [float(layout.emphasised(errors[i : i + 1], said[i : i + 1], times[i : i + 1], 2.0)) for i in range(3)]
    assert each == [3 / 4, 1 / 4, 1 / 4]
    plain = layout.emphasised(errors, said, times, 0.0)
    assert float(plain) == pytest.approx(errors.mean())


def test_a_reader_learns_what_stands_where_and_landscapes_teach_it_nothing():
    torch.manual_seed(0)
    network = denoiser.build(denoiser.Recipe(channels=(16, 32)), latent_channels=8, text_width=16, side=8)
    reader = layout.Reader(network)
    scenes = [world.scene(seed) for seed in range(40)]
    said = torch.from_numpy(np.stack([layout.labels(s, 8) for s in scenes if s.background][:4]))
    calls = torch.randn(4, 8, 8, 8), torch.tensor([500] * 4), torch.randn(4, 5, 16)
    optimizer = torch.optim.AdamW([*network.parameters(), *reader.parameters()], lr=1e-2)
    losses = []
    for _ in range(25):
        network(*calls)
        loss = reader.loss(said)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 4
    network(*calls)
    assert reader.loss(torch.full_like(said, layout.UNSAID)).item() == 0
