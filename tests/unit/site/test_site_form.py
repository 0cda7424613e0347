"""The form as it comes from a browser: read, refused with a sentence, and shown again as it was typed."""

from dataclasses import asdict
from typing import Any
from urllib.parse import parse_qsl

import pytest

from easel.catalogue.limits import Defaults, resolve
from easel.catalogue.tables import Model
from easel.domain.errors import InvalidRequest
from easel.domain.request import AdapterUse, Extras, GenerationRequest
from easel.domain.sampling import Sampler, Spacing
from easel.site.form import PlaygroundForm, problem_of

DEFAULTS = Defaults(width=128, height=96, steps=25, guidance=4.0, sampler=Sampler.DDIM, spacing=Spacing.MODEL)
LIMITS = dict(min_size=64, max_size=512, multiple_of=16, min_steps=1, max_steps=100)
MODEL = Model(
    model_id="m",
    kind="checkpoint",
    weights="here",
    defaults=asdict(DEFAULTS),
    limits=LIMITS | dict(min_guidance=1, max_guidance=20, max_samples=4),
)


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
        ({"size": "custom", "width": "128"}, "size"),
        ({"sampler": "best"}, "sampler"),
        ({"format": "svg"}, "format"),
        ({"safety": "yes"}, "safety"),
        ({"second_pass": "no"}, "second_pass"),
        ({"upscale": "twice"}, "upscale"),
        ({"strength": "much"}, "strength"),
        ({"lora": ["a"], "lora_strength": ["much"]}, "lora_strength"),
    ],
)
def test_what_is_no_number_is_refused_by_field(typed: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        PlaygroundForm(prompt="a star", **typed).draft("easel-starter")
    assert refusal.value.field == field


def test_a_zero_is_something_said() -> None:
    assert PlaygroundForm(steps="0", seed="0", samples="0").draft("m").steps == 0
    assert PlaygroundForm(seed="0").draft("m").seed == 0
    assert PlaygroundForm(samples="0").draft("m").samples == 0


def test_an_empty_form_is_filled_with_the_models_defaults() -> None:
    form = PlaygroundForm(prompt="a star", steps="7").filled(DEFAULTS)
    assert (form.prompt, form.size, form.steps, form.guidance, form.samples) == ("a star", "128x96", "7", "4", "1")
    assert (form.sampler, form.spacing, form.clip_skip, form.format) == ("ddim", "model", "1", "png")
    assert (form.strength, form.seed, form.negative_prompt) == ("0.7", "", "")


def test_everything_that_can_be_typed_is_in_the_draft() -> None:
    said = [("prompt", "a star"), ("negative_prompt", "blurry"), ("lora", "one"), ("lora", ""), ("lora", "two")]
    said += [("lora_strength", "0.5"), ("lora_strength", "1"), ("lora_strength", ""), ("size", "custom")]
    said += [("width", "160"), ("height", "96"), ("sampler", "euler"), ("spacing", "karras"), ("clip_skip", "2")]
    said += [("style", "anime"), ("format", "webp"), ("picture", "inputs/a.png"), ("mask", "inputs/b.png")]
    said += [("strength", "0"), ("soft_edge", "9"), ("upscale", "3"), ("safety", "blur")]
    draft = PlaygroundForm.of(said).draft("m")
    assert (draft.width, draft.height, draft.negative_prompt) == (160, 96, "blurry")
    assert (draft.sampler, draft.spacing, draft.enhance, draft.style) == (Sampler.EULER, Spacing.KARRAS, True, "anime")
    extras = draft.extras
    assert extras.adapters == (AdapterUse("one", 0.5), AdapterUse("two", 1.0))
    assert (extras.clip_skip, extras.output_format) == (2, "webp")
    assert (extras.init_image, extras.mask_image, extras.strength) == ("inputs/a.png", "inputs/b.png", 0)
    assert (extras.mask_blur, extras.previews) == (9, True)
    assert (extras.upscale, extras.safety, extras.second_pass) == (3, "blur", None)


def test_a_mask_without_its_picture_is_none() -> None:
    assert PlaygroundForm(mask="inputs/b.png").draft("m").extras.mask_image is None


def test_the_form_of_a_request_asks_for_it_again() -> None:
    extras = Extras(adapters=(AdapterUse("one", 0.5), AdapterUse("two", 1, 0.5)), init_image="i", strength=0.25)
    request = GenerationRequest(
        model_id="base",
        prompt="a star",
        negative_prompt="blurry",
        width=128,
        height=96,
        samples=2,
        steps=9,
        guidance=4.5,
        seed=7,
        sampler=Sampler.EULER,
        spacing=Spacing.KARRAS,
        extras=extras,
    )
    form = PlaygroundForm.again("page", request, "7", named="base")
    draft = form.draft("page")
    assert (draft.model_id, draft.seed, draft.samples, draft.steps, draft.guidance) == ("base", 7, 2, 9, 4.5)
    assert (draft.sampler, draft.spacing) == (Sampler.EULER, Spacing.KARRAS)
    assert (draft.extras.strength, draft.extras.init_image) == (0.25, "i")
    assert draft.prompt == "a star <lora:two:unet=1:te=0.5>"
    assert draft.extras.adapters == (AdapterUse("one", 0.5),)
    said = parse_qsl(form.query("samples").removeprefix("?"))
    assert PlaygroundForm.of(said) == form.model_copy(update={"samples": ""})


def test_the_form_of_a_picture_in_two_passes_says_the_size_that_came_of_it() -> None:
    drawn = PlaygroundForm(prompt="a star", size="256x192", second_pass="yes", upscale="2", safety="pixelate")
    request = resolve(MODEL, drawn.draft("m"), lambda: 7)
    assert (request.width, request.height, request.output_size) == (128, 96, (512, 384))
    form = PlaygroundForm.again("m", request, "7")
    assert (form.size, form.second_pass, form.upscale, form.safety) == ("256x192", "yes", "2", "pixelate")
    assert resolve(MODEL, form.draft("m"), lambda: 7) == request


def test_refusals_speak_the_words_of_the_form() -> None:
    wire = InvalidRequest("num_inference_steps", "num_inference_steps must be between 1 and 100")
    assert problem_of(wire) == ("steps", "Steps must be between 1 and 100")
    wire = InvalidRequest("width", "width must be divisible by 8")
    assert problem_of(wire) == ("size", "Size must be divisible by 8")
    wire = InvalidRequest("highres_fix", "highres_fix goes with pictures from text alone")
    assert problem_of(wire) == ("second_pass", "Second pass goes with pictures from text alone")
    wire = InvalidRequest("upscale", "The picture would be 6000 pixels along a side")
    assert problem_of(wire) == ("upscale", "The picture would be 6000 pixels along a side")


def test_a_refusal_of_the_whole_has_no_field() -> None:
    assert problem_of(InvalidRequest("model_id", "Model not found: x")) is None
