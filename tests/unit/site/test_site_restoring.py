"""Settings out of a text: Easel's own, and those of other tools."""

from dataclasses import replace

import numpy as np
import pytest

from easel.artifacts.encode import encode, infotext
from easel.catalogue.limits import Limits
from easel.domain.errors import InvalidRequest
from easel.domain.request import AdapterUse, Extras, GenerationRequest, SecondPass
from easel.domain.sampling import Sampler, Spacing
from easel.site.form import PlaygroundForm
from easel.site.restoring import restored, text_in

LIMITS = Limits(
    min_size=128,
    max_size=512,
    multiple_of=16,
    min_steps=1,
    max_steps=100,
    min_guidance=1,
    max_guidance=20,
    max_samples=4,
)
REQUEST = GenerationRequest(
    model_id="easel-starter",
    prompt="a star: red, or\nblue",
    negative_prompt="blurry",
    width=160,
    height=128,
    samples=1,
    steps=9,
    guidance=4.5,
    seed=7,
    sampler=Sampler.DPMPP_2M,
    spacing=Spacing.KARRAS,
    extras=Extras(adapters=(AdapterUse("one", 0.5),), clip_skip=2),
)


@pytest.mark.parametrize("format", ["png", "jpeg", "webp"])
def test_a_picture_of_ours_gives_back_all_that_it_was_drawn_from(format: str) -> None:
    text = infotext(REQUEST, index=0, model_name="easel-starter", model_hash=None)
    picture = encode(np.zeros((16, 16, 3), np.uint8), text, format, 90)  # pyright: ignore[reportArgumentType]
    found = restored(text_in(picture), {"easel-starter"}, {"one"}, LIMITS)
    assert found.notes == ()
    draft = found.form.draft("easel-starter")
    for name in ("prompt", "negative_prompt", "width", "height", "steps", "guidance", "seed", "sampler", "spacing"):
        assert getattr(draft, name) == getattr(REQUEST, name), name
    assert (draft.extras.adapters, draft.extras.clip_skip) == (REQUEST.extras.adapters, 2)


def test_a_second_pass_and_an_enlargement_come_back() -> None:
    again = SecondPass(width=320, height=256, grows=False)
    request = replace(REQUEST, extras=Extras(second_pass=again, upscale=3))
    text = infotext(request, index=0, model_name="easel-starter", model_hash=None)
    found = restored(text, {"easel-starter"}, (), LIMITS)
    assert found.notes == ()
    form = found.form
    assert (form.size, form.second_pass, form.upscale, form.strength) == ("320x256", "yes", "3", "")


def test_other_enlargements_are_said() -> None:
    line = "Steps: 20, Sampler: Euler, Size: 128x128, Denoising strength: 0.4, Hires upscale: 1.5"
    found = restored(f"a\n{line}, Postprocess upscale by: 4", (), (), LIMITS)
    assert (found.form.size, found.form.second_pass, found.form.upscale) == ("192x192", "yes", "")
    assert [note.split()[:2] for note in found.notes] == [["Its", "second"], ["It", "was"]]


def test_what_cannot_be_taken_over_is_said() -> None:
    text = "a cat <lora:x:0.5>\nSteps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 5, Size: 768x512, Model: foo"
    found = restored(text, {"easel-starter"}, set(), LIMITS)
    wanted = PlaygroundForm(prompt="a cat", steps="20", guidance="7", seed="5", size="512x336")
    assert found.form == wanted.model_copy(update={"sampler": "dpmpp_2m", "spacing": "karras"})
    assert [note.split()[0] for note in found.notes] == ["Left", "It", "Its"]
    assert "sampler Odd" in restored("a\nSteps: 1, Sampler: Odd, Seed: 2", (), (), LIMITS).notes[0]


def test_a_size_of_nothing_is_none() -> None:
    found = restored("a\nSteps: 1, Sampler: Euler, Size: 00x64, Hires upscale: 2", (), (), LIMITS)
    assert (found.form.size, found.form.second_pass) == ("", "")


@pytest.mark.parametrize("text", ["", "a cat", "Steps: many"])
def test_a_text_without_settings_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="carries no settings"):
        restored(text, (), (), LIMITS)
