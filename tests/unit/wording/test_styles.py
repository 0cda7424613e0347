"""Styles and enhancement: every name that clients know, and what becomes of the prompts."""

import pytest

from easel.domain.errors import InvalidRequest
from easel.wording.screen import look_at
from easel.wording.styles import PLACE, enhanced, style_named, styles

KNOWN = (
    "enhance cinematic-diva art-deco cubism fortnite-style pop-art-2 steampunk-2 mandola-art vibrant-rim-light sharp "
    "negative ads-retail futuristic-biomechanical-cyberpunk game-zelda misc-zentangle "
    "papercraft-thick-layered-papercut "
    "photo-tilt-shift 3d-model pixel-art texture"
).split()


def test_the_names_that_clients_know_are_there() -> None:
    assert len(styles().by_name) == 185
    for name in KNOWN:
        style_named(name)


def test_every_style_keeps_the_prompt_and_harms_nobody() -> None:
    for name, style in styles().by_name.items():
        assert style.prompt.count(PLACE) == 1, name
        assert style.negative, name
        assert not look_at(style.prompt).is_sexual, name
        assert not look_at(style.prompt.replace(PLACE, "nude")).with_minors, name


def test_a_style_is_put_around_the_prompt() -> None:
    assert enhanced("a fox", "cars", style="line-art") == (
        "line art of a fox, even black lines, no fill, white background",
        "cars, colour, shading, photo, texture",
    )
    assert enhanced("a fox", "", style="Line Art") == enhanced("a fox", "", style="line-art")


def test_without_a_style_a_photograph_stays_one() -> None:
    photo, _ = enhanced("a photo of a fox", "", style=None)
    picture, _ = enhanced("a fox in oil", "", style=None)
    assert photo.startswith("a photo of a fox, natural light")
    assert picture.startswith("a fox in oil, clear composition")


def test_an_unknown_style_is_refused_with_what_is_like_it() -> None:
    with pytest.raises(InvalidRequest, match="did you mean cubism"):
        style_named("cubismo")


def test_braces_in_a_prompt_are_text() -> None:
    assert enhanced("{prompt} {0}", "", style="anime")[0].startswith("anime drawing of {prompt} {0},")
