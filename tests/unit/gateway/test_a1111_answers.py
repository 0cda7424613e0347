"""The shapes of AUTOMATIC1111's dialect, byte for byte. How a golden file is changed stands in test_answers.py."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter
from test_answers import MODEL, QUEUED
from test_answers import REQUEST as ASKED_REQUEST

from easel.artifacts.infotext import Embedded
from easel.domain.errors import InvalidRequest, NotAuthenticated, NotFound, TooManyQueued
from easel.domain.request import Extras
from easel.domain.sampling import Spacing
from easel.gateway.dialects.automatic1111 import answers, documented, extras, options, progress, samplers
from easel.gateway.dialects.automatic1111.drafts import Settled
from easel.gateway.dialects.automatic1111.options import Options
from easel.gateway.dialects.automatic1111.progress import Sight
from easel.gateway.dialects.automatic1111.schemas import ExtraSingle, Img2Img, Txt2Img
from easel.gateway.errors import UnreadableBody, refusal_of
from easel.jobs.states import JobState

GOLDEN = Path(__file__).parent / "golden_a1111"

DETAILS = {"dialect": "automatic1111", "key": 1, "request": "r", "number": 1, "of": 2, "job": "scripts_txt2img"}
REQUEST = replace(ASKED_REQUEST, spacing=Spacing.KARRAS, extras=Extras(clip_skip=2))
DONE = replace(
    QUEUED, request=REQUEST, state=JobState.DONE, details=DETAILS, notes=["zzz is no word that the model knows."]
)
RUNNING = replace(DONE, state=JobState.RUNNING, step=10, steps=50, eta_seconds=1.5, queue_position=None)
WAITING = replace(RUNNING, state=JobState.QUEUED, step=0, steps=0, queue_position=2)
CANCELLED = replace(DONE, state=JobState.CANCELLED)
SETTLED = Settled(MODEL, Options(), (128, 192), 5)
INFOTEXT = (
    "three red stars\nNegative prompt: blurry\nSteps: 25, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7.5, "
    "Seed: 4139316548, Size: 128x192, Model: easel-starter, Clip skip: 2, RNG: CPU, Version: easel 0"
)
PICTURE = answers.Picture(b"a picture", INFOTEXT, 4139316548)
TXT2IMG = Txt2Img.read({"prompt": "three red stars", "negative_prompt": "blurry", "seed": 4139316548, "steps": 25})
IMG2IMG = Img2Img.read({"prompt": "a star", "init_images": ["aGk="], "mask": "aGk="})


def info(asked: Txt2Img | Img2Img, *pictures: answers.Picture, view: Any = DONE) -> dict[str, Any]:
    said = answers.info(asked, SETTLED, [view], pictures, ["Style Anime is not known here."])
    return said | {"version": "easel"}


ANSWERS: dict[str, tuple[type[BaseModel] | None, Any]] = {
    "info": (None, info(TXT2IMG, PICTURE)),
    "info_interrupted": (None, info(TXT2IMG, view=CANCELLED)),
    "parameters_txt2img": (None, answers.parameters(TXT2IMG)),
    "parameters_img2img": (None, answers.parameters(IMG2IMG)),
    "progress": (documented.Progress, progress.progress(Sight([RUNNING], RUNNING), "cGljdHVyZQ==")),
    "progress_waiting": (documented.Progress, progress.progress(Sight([WAITING], WAITING), None)),
    "progress_nothing": (documented.Progress, progress.progress(Sight([], None), None)),
    "progress_interrupted": (documented.Progress, progress.progress(Sight([], CANCELLED), None)),
    "png_info": (documented.Info, answers.png_info(Embedded(INFOTEXT, {"Software": "easel"}))),
    "png_info_nothing": (documented.Info, answers.png_info(Embedded("", {}))),
    "extra_single": (
        documented.OneImage,
        {"html_info": extras.html_info(ExtraSingle(image="", upscaler_1="Lanczos", gfpgan_visibility=1)), "image": ""},
    ),
    "options": (None, options.shown(Options(), MODEL)),
    "sd_model": (None, answers.model(MODEL, options.title_of(MODEL))),
    "samplers": (None, samplers.listed_samplers()),
    "schedulers": (None, samplers.listed_schedulers()),
    "upscalers": (None, extras.listed_upscalers()),
    "error_field": (
        documented.Error,
        answers.error(refusal_of(InvalidRequest("num_inference_steps", "num_inference_steps must be between 1 and 9"))),
    ),
    "error_body": (documented.Error, answers.error(refusal_of(UnreadableBody("The body is no valid JSON.")))),
    "error_model": (documented.Error, answers.error(refusal_of(InvalidRequest("model_id", "Model not found: x")))),
    "error_sampler": (documented.Error, answers.error(refusal_of(NotFound("Sampler not found: x")))),
    "error_key": (documented.Error, answers.error(refusal_of(NotAuthenticated("Invalid API key")))),
    "error_queue": (documented.Error, answers.error(refusal_of(TooManyQueued(5, 30)))),
    "error_unexpected": (documented.Error, answers.error(refusal_of(ZeroDivisionError("secret")))),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_has_its_shape(name: str) -> None:
    written = json.dumps(ANSWERS[name][1], indent=2) + "\n"
    path = GOLDEN / f"{name}.json"
    if not path.exists():
        path.write_text(written)
        pytest.fail(f"{path} was missing and is written; read it before it is committed")
    assert written == path.read_text()


@pytest.mark.parametrize("name", [name for name, (shape, _) in ANSWERS.items() if shape])
def test_an_answer_is_what_openapi_says(name: str) -> None:
    shape, said = ANSWERS[name]
    assert shape
    body = said[1] if isinstance(said, tuple) else said
    assert TypeAdapter(shape).validate_python(body).model_dump() == body
    assert list(body) == list(shape.model_fields)
