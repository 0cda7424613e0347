"""The shapes of contract sections 3.1 to 3.6, byte for byte, key order included.

A golden file is changed by hand, or deleted and written anew by running the test once; either way it is read before it
is committed.
"""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from easel.artifacts.inputs import StoredInput
from easel.artifacts.links import LinkSigner
from easel.artifacts.store import picture_key
from easel.catalogue.tables import Model
from easel.domain.errors import InvalidRequest, NotAuthenticated, TooManyQueued
from easel.domain.money import Micros
from easel.domain.request import Extras, GenerationRequest
from easel.domain.sampling import Sampler, Spacing
from easel.gateway.dialects.modelslab import answers, listing, shapes
from easel.gateway.dialects.modelslab.links import Links
from easel.gateway.dialects.modelslab.pictures import Kept
from easel.gateway.errors import Refusal, UnreadableBody, refusal_of
from easel.generations.queries import GenerationView
from easel.jobs.states import JobState

GOLDEN = Path(__file__).parent / "golden"

THEN = datetime(2026, 1, 1, tzinfo=UTC)
UUID = "0a1b2c3d-0000-4000-8000-000000000001"
LINKS = Links("https://easel.example", "/api/v6/images/fetch", LinkSigner("a secret for tests"))

REQUEST = GenerationRequest(
    model_id="easel-starter",
    prompt="three red stars on a blue background",
    negative_prompt="",
    width=128,
    height=192,
    samples=2,
    steps=25,
    guidance=7.5,
    seed=4139316548,
    sampler=Sampler.DPMPP_2M,
    spacing=Spacing.MODEL,
)
DONE = GenerationView(
    id=42,
    uuid=UUID,
    account_id=1,
    model_id="easel-starter",
    state=JobState.DONE,
    request=REQUEST,
    quoted=Micros(9400),
    cost=Micros(9400),
    artifact_keys=[picture_key(UUID, index) for index in range(2)],
    temporary=False,
    expired=False,
    error=None,
    notes=[],
    flagged=[],
    created_at=THEN,
    started_at=THEN,
    finished_at=THEN + timedelta(seconds=2.125),
    seconds=2.125,
    queue_position=None,
    eta_seconds=0.0,
    attempt=1,
    move=3,
    step=0,
    steps=0,
    preview_key=None,
    webhook=None,
    track_id=None,
    base_url="https://easel.example",
    details={},
)
QUEUED = replace(
    DONE, state=JobState.QUEUED, seconds=None, eta_seconds=2.75, webhook="https://shop.example/hook", track_id=7
)
CHANGED = replace(
    DONE,
    temporary=True,
    details={"base64": True, "instant_response": True, "warnings": ["upscale is not available yet."]},
    notes=["The prompt was cut before: here."],
)
FAILED = replace(DONE, state=JobState.FAILED, error="The picture came out as noise.")
CANCELLED = replace(DONE, state=JobState.CANCELLED, error=None)

REALTIME_DETAILS = {"operation": "text2img", "realtime": True}
REALTIME = replace(DONE, details=REALTIME_DETAILS)
QUEUED_REALTIME = replace(QUEUED, details=REALTIME_DETAILS)
IMG2IMG = replace(
    DONE,
    request=replace(REQUEST, extras=Extras(init_image="inputs/1.png", strength=0.5)),
    details={"operation": "img2img", "sent": {"init_image": "https://shop.example/photo.png"}},
)
INPAINT = replace(
    DONE,
    request=replace(REQUEST, extras=Extras(init_image="inputs/1.png", mask_image="inputs/2.png")),
    details={"operation": "inpaint"},
)
REALTIME_INPAINT = replace(INPAINT, details={"operation": "inpaint", "realtime": True})

MODEL = Model(
    model_id="easel-starter",
    provider="easel",
    kind="checkpoint",
    family="sd2",
    name="Easel Starter",
    summary="Coloured shapes.",
    licence="Apache-2.0",
    price=4700,
    weights="package:easel-starter",
    tags=["shapes"],
)
KEPT = Kept(
    StoredInput(key="inputs/0000abcd.png", width=512, height=512, size_bytes=1), "https://easel.example/x.png", 0.25, []
)

ANSWERS: dict[str, tuple[Any, object]] = {
    "success": (shapes.Success, answers.success(DONE, LINKS)),
    "success_changed": (shapes.Success, answers.success(CHANGED, LINKS)),
    "processing": (shapes.Processing, answers.processing(QUEUED, LINKS)),
    "processing_realtime": (shapes.RealtimeProcessing, answers.submitted(QUEUED_REALTIME, LINKS)),
    "success_realtime": (shapes.Success, answers.submitted(REALTIME, LINKS)),
    "success_img2img": (shapes.Success, answers.submitted(IMG2IMG, LINKS)),
    "processing_img2img": (shapes.Processing, answers.submitted(replace(IMG2IMG, state=JobState.QUEUED), LINKS)),
    "success_inpaint": (shapes.Success, answers.submitted(INPAINT, LINKS)),
    "success_realtime_inpaint": (shapes.Success, answers.submitted(REALTIME_INPAINT, LINKS)),
    "model_reload": (shapes.Said, answers.model_reloaded(MODEL, is_resident=False)),
    "fetch_done": (shapes.Fetched, answers.fetched(DONE, LINKS)),
    "fetch_changed": (shapes.Fetched, answers.fetched(CHANGED, LINKS)),
    "fetch_processing": (shapes.StillProcessing, answers.fetched(QUEUED, LINKS)),
    "fetch_failed": (shapes.Failed, answers.fetched(FAILED, LINKS)),
    "fetch_cancelled": (shapes.Failed, answers.fetched(CANCELLED, LINKS)),
    "fetch_unknown": (shapes.Failed, answers.not_found()),
    "error": (shapes.Error, answers.error(Refusal(400, "prompt is required"))),
    "error_key": (shapes.Error, answers.error(refusal_of(NotAuthenticated("Invalid API key")))),
    "error_body": (shapes.Error, answers.error(refusal_of(UnreadableBody("The body is no valid JSON.")))),
    "error_queue": (shapes.Error, answers.error(refusal_of(TooManyQueued(5, 30)))),
    "error_unexpected": (shapes.Error, answers.error(refusal_of(ZeroDivisionError("secret")))),
    "wallet_balance": (shapes.WalletBalance, answers.wallet_balance(Micros(43_600_000))),
    "fetch_expired": (shapes.Failed, answers.fetched(replace(DONE, expired=True), LINKS)),
    "webhook_done": (shapes.ToldOfPictures, answers.told(DONE, LINKS)),
    "webhook_failed": (shapes.ToldOfFailure, answers.told(FAILED, LINKS)),
    "base64_crop": (shapes.Cropped, answers.cropped(KEPT)),
    "base64_to_url": (shapes.Uploaded, answers.uploaded(KEPT)),
    "upload_image": (shapes.ImageUploaded, answers.image_uploaded(KEPT)),
    "super_resolution": (shapes.Enlarged, answers.enlarged(KEPT)),
    "super_resolution_changed": (shapes.Enlarged, answers.enlarged(replace(KEPT, warnings=["Resampled."]))),
    "nsfw_image_check": (shapes.PictureChecked, answers.checked(KEPT.link, is_flagged=True)),
    "agents_error": (shapes.Envelope, answers.agents_error(refusal_of(InvalidRequest("page", "page must be")), "1")),
    "found_model": (shapes.FoundModel, listing.found(MODEL)),
    "pagination": (shapes.Pagination, listing.pagination(page=2, per_page=10, total=21, shown=10)),
    "model_list": (list[shapes.ListedModel], [answers.listed(MODEL)]),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_its_golden_file(name: str) -> None:
    said = json.dumps(ANSWERS[name][1], indent=2) + "\n"
    file = GOLDEN / f"{name}.json"
    if not file.exists():
        file.write_text(said)
        pytest.fail(f"{file.name} was missing and has been written; read it, then run again")
    assert said == file.read_text()


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_what_openapi_says(name: str) -> None:
    kind, answer = ANSWERS[name]
    assert TypeAdapter(kind).validate_python(answer, strict=True) == answer


def test_no_golden_file_is_left_over() -> None:
    assert {file.stem for file in GOLDEN.glob("*.json")} == set(ANSWERS)


def test_a_base64_answer_has_base64_links() -> None:
    pictures = LINKS.pictures(replace(DONE, details={"base64": True}))
    assert all(picture.endswith(".png.base64") for picture in pictures)


def test_a_temporary_picture_has_links_for_a_day() -> None:
    key = picture_key(UUID, 0, temporary=True)
    [link] = LINKS.pictures(replace(DONE, temporary=True, artifact_keys=[key]))
    _, _, _, _, signature, stored = link.split("/", 5)
    assert LINKS.signer.verify(signature, stored, THEN + timedelta(hours=23))
    assert not LINKS.signer.verify(signature, stored, THEN + timedelta(hours=25))
