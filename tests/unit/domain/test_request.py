"""A request that was stored is the request that was asked."""

import json
from dataclasses import replace

import pytest

from easel.domain.errors import DomainError, InvalidRequest, Kind, ModelNotInstalled, TooManyQueued
from easel.domain.request import SEED_LIMIT, AdapterUse, Extras, GenerationRequest, SecondPass, Task
from easel.domain.sampling import Sampler, Spacing


def request(seed: int = 7) -> GenerationRequest:
    return GenerationRequest(
        model_id="easel-starter",
        prompt="three red stars",
        negative_prompt="",
        width=128,
        height=64,
        samples=4,
        steps=25,
        guidance=4.5,
        seed=seed,
        sampler=Sampler.DPMPP_2M,
        spacing=Spacing.KARRAS,
    )


def test_storing_and_reading_gives_the_request_back() -> None:
    stored = json.loads(json.dumps(request().as_json()))
    assert GenerationRequest.from_json(stored) == request()
    assert type(GenerationRequest.from_json(stored).sampler) is Sampler


def test_each_picture_has_the_next_seed_and_the_last_one_starts_over() -> None:
    assert [request(seed=7).seed_of(index) for index in range(3)] == [7, 8, 9]
    assert [request(seed=SEED_LIMIT - 1).seed_of(index) for index in range(2)] == [SEED_LIMIT - 1, 0]


def test_a_model_that_is_not_installed_names_the_command_that_installs_it() -> None:
    refusal = ModelNotInstalled("stable-diffu")
    assert "easel models install stable-diffu" in refusal.message
    assert (refusal.kind, refusal.field) == (Kind.INVALID, "model_id")


def test_a_full_queue_names_the_plans_limit_and_when_to_come_back() -> None:
    refusal = TooManyQueued(5, 30)
    assert refusal.message == "Rate limit exceeded. Maximum 5 queued requests allowed."
    assert refusal.retry_after == 30


@pytest.mark.parametrize("refusal", [InvalidRequest("width", "width must be even"), ModelNotInstalled("x")])
def test_a_refusal_is_a_domain_error_with_a_field(refusal: InvalidRequest) -> None:
    assert isinstance(refusal, DomainError)
    assert refusal.field


def test_extras_survive_being_stored_and_unsaid_ones_take_no_room() -> None:
    extras = Extras(adapters=(AdapterUse("style", 0.5),), second_pass=SecondPass(scale=1.5), output_format="webp")
    asked = replace(request(), extras=extras)
    stored = json.loads(json.dumps(asked.as_json()))
    assert GenerationRequest.from_json(stored) == asked
    assert "extras" not in request().as_json()
    assert "vae" not in stored["extras"]


def test_the_task_is_what_the_inputs_make_of_it() -> None:
    assert request().task is Task.TEXT_TO_IMAGE
    assert replace(request(), extras=Extras(init_image="a")).task is Task.IMAGE_TO_IMAGE
    assert replace(request(), extras=Extras(init_image="a", mask_image="b")).task is Task.INPAINT
