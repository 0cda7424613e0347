"""What each row of a picture reads, and how much it counts."""

import pytest

from easel.domain.errors import InvalidRequest
from easel.engine.engine import Engine
from easel.engine.fake import FakeRunner
from easel.engine.prompts.script import Script
from easel.engine.request import PictureRequest


def script_of(request: PictureRequest) -> Script:
    return Script.of(request, request.steps)


def test_a_guided_picture_weighs_its_prompts_by_guidance(make_picture) -> None:
    script = script_of(make_picture(prompt="a AND b :0.5", guidance=4.0))
    assert [part.factor for part in script.prompts] == [4.0, 2.0]
    assert script.rows == 3


@pytest.mark.parametrize("guidance", [1.0, 0.0, -3.0])
def test_an_unguided_picture_averages_its_prompts_and_has_no_negative(make_picture, guidance: float) -> None:
    script = script_of(make_picture(prompt="a :3 AND b", guidance=guidance, negative_prompt="c"))
    assert [part.factor for part in script.prompts] == [0.75, 0.25]
    assert script.negative is None
    assert script.rows == 2


def test_texts_are_the_different_readings_by_the_customers_names(make_picture) -> None:
    texts = script_of(make_picture(prompt="[a|b] AND a", negative_prompt="c", steps=9)).texts()
    assert {name: len(readings) for name, readings in texts.items()} == {"prompt": 2, "negative prompt": 1}
    assert list(script_of(make_picture(guidance=1.0)).texts()) == ["prompt"]


def test_tags_are_not_read_and_are_noted(make_picture) -> None:
    script = script_of(make_picture(prompt="a cat <hypernet:old:0.5>", negative_prompt="<lora:x:1> noise"))
    (reading,) = script.texts()["prompt"]
    assert [piece.text for piece in reading[0]] == ["a cat"]
    assert [note.split(" was left out of the ")[0] for note in script.notes] == ["<hypernet:old:0.5>", "<lora:x:1>"]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"prompt": " AND ".join("abcdefghi")}, "prompt"),
        ({"prompt": "(a:1e)(b:900)"}, "prompt"),
        ({"negative_prompt": "(b:900)"}, "negative_prompt"),
        ({"prompt": "a AND b:-1", "guidance": 1.0}, "prompt"),
    ],
)
def test_what_cannot_be_drawn_is_refused_by_field(make_picture, asked, field: str) -> None:
    engine = Engine(FakeRunner())
    with pytest.raises(InvalidRequest) as refusal:
        engine.add(make_picture(**asked))
    assert refusal.value.field == field
    assert engine.is_idle
