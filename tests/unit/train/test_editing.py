"""Changed pictures are judged: the new object in the old one's place, and nothing else touched."""

from dataclasses import replace

import numpy as np
import pytest

from easel.train import editing, world
from easel.train.editing import Case

SIDE = 128


def drawn(case: Case, **changes: object) -> np.ndarray:
    """The picture that the case asks for, with the new thing changed so."""
    old = case.scene.things[0]
    new = replace(old, shape=case.shape, colour=case.colour, rgb=world.PALETTE[case.colour], **changes)
    return world.draw(replace(case.scene, things=(new,)), SIDE)


@pytest.fixture(scope="module")
def all_cases() -> list[Case]:
    return list(editing.cases(12))


def test_what_is_asked_for_is_judged_right(all_cases: list[Case]):
    assert [editing.judge("inpaint", drawn(case), case) for case in all_cases] == [""] * 12


def test_the_untouched_picture_is_judged_wrong(all_cases: list[Case]):
    assert all(editing.judge("img2img", world.draw(case.scene, SIDE), case) for case in all_cases)


def test_an_object_elsewhere_is_judged_wrong(all_cases: list[Case]):
    case = next(case for case in all_cases if case.scene.things[0].radius < 60)
    assert editing.judge("img2img", drawn(case, x=60.0, y=60.0), case) == "not where the old object was"


def test_a_picture_whose_rest_changed_is_judged_wrong_where_it_was_masked(all_cases: list[Case]):
    tinted = np.clip(drawn(all_cases[0]).astype(int) + 6, 0, 255) - 6 + 5
    tinted = np.where(editing.mask(all_cases[0].scene, SIDE)[..., None] == 0, tinted, drawn(all_cases[0]))
    tinted = tinted.clip(0, 255).astype(np.uint8)
    assert "the rest changed" in editing.judge("inpaint", tinted, all_cases[0])
    assert editing.judge("img2img", tinted, all_cases[0]) == ""


def test_the_mask_covers_the_object(all_cases: list[Case]):
    for case in all_cases:
        bare = world.draw(replace(case.scene, things=()), SIDE)
        object_there = (world.draw(case.scene, SIDE) != bare).any(-1)
        assert (editing.mask(case.scene, SIDE)[object_there] == 255).all()
