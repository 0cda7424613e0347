"""The form as it comes from a browser: read, refused with a sentence, and shown again as it was typed."""

import pytest

from easel.catalogue.limits import Defaults
from easel.domain.errors import InvalidRequest
from easel.domain.sampling import Sampler, Spacing
from easel.site.form import PlaygroundForm, problem_of

DEFAULTS = Defaults(width=128, height=96, steps=25, guidance=4.0, sampler=Sampler.DDIM, spacing=Spacing.MODEL)


def test_a_whole_form_is_a_draft() -> None:
    form = PlaygroundForm(prompt="a star", size="144x112", steps="30", guidance="7.5", seed="5", samples="2")
    draft = form.draft("easel-starter")
    assert (draft.model_id, draft.prompt) == ("easel-starter", "a star")
    assert (draft.width, draft.height, draft.steps, draft.guidance) == (144, 112, 30, 7.5)
    assert (draft.seed, draft.samples) == (5, 2)


def test_what_is_empty_is_not_said() -> None:
    draft = PlaygroundForm(prompt="a star", seed=" ").draft("easel-starter")
    assert (draft.width, draft.height, draft.steps, draft.guidance, draft.seed) == (None,) * 5
    assert draft.samples == 1


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"steps": "many"}, "steps"),
        ({"steps": "2.5"}, "steps"),
        ({"guidance": "strong"}, "guidance"),
        ({"seed": "0x10"}, "seed"),
        ({"seed": "9" * 5000}, "seed"),
        ({"samples": "two"}, "samples"),
        ({"size": "128"}, "size"),
        ({"size": "x"}, "size"),
        ({"size": "128x"}, "size"),
        ({"size": "<b>x1"}, "size"),
    ],
)
def test_what_is_no_number_is_refused_by_field(typed: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        PlaygroundForm(prompt="a star", **typed).draft("easel-starter")
    assert refusal.value.field == field


def test_a_zero_is_something_said() -> None:
    assert PlaygroundForm(steps="0", seed="0", samples="0").draft("m").steps == 0
    assert PlaygroundForm(seed="0").draft("m").seed == 0
    assert PlaygroundForm(samples="0").draft("m").samples == 0


def test_an_empty_form_is_filled_with_the_models_defaults() -> None:
    form = PlaygroundForm(prompt="a star", steps="7").filled(DEFAULTS)
    assert form == PlaygroundForm(prompt="a star", size="128x96", steps="7", guidance="4", samples="1")


def test_refusals_speak_the_words_of_the_form() -> None:
    wire = InvalidRequest("num_inference_steps", "num_inference_steps must be between 1 and 100")
    assert problem_of(wire) == ("steps", "Steps must be between 1 and 100")
    wire = InvalidRequest("width", "width must be divisible by 8")
    assert problem_of(wire) == ("size", "Size must be divisible by 8")


def test_a_refusal_of_the_whole_has_no_field() -> None:
    assert problem_of(InvalidRequest("model_id", "Model not found: x")) is None
