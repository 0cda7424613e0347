"""What may be asked of a picture that begins from another, and the size that follows."""

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_limits import DRAFT, STARTER

from easel.catalogue.limits import resolve
from easel.catalogue.sources import size_like
from easel.catalogue.tables import Model
from easel.domain.errors import InvalidRequest
from easel.domain.request import Extras, GenerationRequest, Task

SIZES = {"picture": (200, 150), "huge": (4000, 3000), "tiny": (20, 30), "mask": (100, 75), "odd": (100, 100)}

LIMITS = {**STARTER.limits, "min_size": 64, "max_size": 256, "multiple_of": 8}
MODEL = Model(
    model_id="m", kind="checkpoint", defaults=STARTER.defaults, limits=LIMITS, weights=STARTER.weights, family="sd2"
)


def ask(**said: Any) -> GenerationRequest:
    extras = {name: said.pop(name) for name in list(said) if name in Extras.__slots__}
    return resolve(MODEL, replace(DRAFT, extras=Extras(**extras), **said), lambda: 42, SIZES)


def refusal(**said: Any) -> tuple[str, str]:
    with pytest.raises(InvalidRequest) as caught:
        ask(**said)
    return caught.value.field, caught.value.message


class TestSize:
    def test_is_the_inputs_own_rounded_down(self) -> None:
        request = ask(init_image="picture")
        assert (request.width, request.height) == (200, 144)
        assert request.task is Task.IMAGE_TO_IMAGE

    def test_is_scaled_into_the_limits(self) -> None:
        large, small = ask(init_image="huge"), ask(init_image="tiny")
        assert (large.width, large.height) == (256, 192)
        assert (small.width, small.height) == (64, 96)

    def test_is_what_was_said_where_it_was_said(self) -> None:
        both, one = ask(init_image="picture", width=128, height=128), ask(init_image="picture", width=128)
        assert (both.width, both.height) == (128, 128)
        assert (one.width, one.height) == (128, 96)

    def test_that_was_said_wrongly_is_refused(self) -> None:
        assert refusal(init_image="picture", width=100)[0] == "width"

    @given(st.integers(1, 5000), st.integers(1, 5000), st.sampled_from([8, 16, 64]))
    def test_is_always_one_that_may_be_drawn(self, width: int, height: int, multiple_of: int) -> None:
        found = size_like((width, height), None, None, 64, 256, multiple_of)
        assert all(64 <= side <= 256 and side % multiple_of == 0 for side in found)

    @given(st.integers(64, 256), st.integers(64, 256))
    def test_within_the_limits_loses_less_than_a_multiple(self, width: int, height: int) -> None:
        found = size_like((width, height), None, None, 64, 256, 8)
        assert all(0 <= own - side < 8 for own, side in zip((width, height), found, strict=True))


class TestRefusals:
    @pytest.mark.parametrize(
        ("said", "field"),
        [
            ({"strength": -0.01}, "strength"),
            ({"strength": 1.01}, "strength"),
            ({"strength": math.nan}, "strength"),
            ({"mask_blur": -1.0}, "mask_blur"),
            ({"mask_blur": 65.0}, "mask_blur"),
            ({"output_quality": 0}, "output_quality"),
            ({"output_quality": 101}, "output_quality"),
        ],
    )
    def test_what_is_out_of_range_is_named(self, said: dict[str, Any], field: str) -> None:
        assert refusal(init_image="picture", **said)[0] == field

    def test_a_mask_alone(self) -> None:
        assert refusal(mask_image="mask") == (
            "mask_image",
            "mask_image needs the picture that it is a mask of: send init_image as well",
        )

    def test_a_mask_of_another_shape(self) -> None:
        field, sentence = refusal(init_image="picture", mask_image="odd")
        assert field == "mask_image"
        assert sentence.startswith("mask_image is 100x100 and init_image 200x150: ")

    def test_an_input_that_is_gone(self) -> None:
        assert refusal(init_image="gone") == ("init_image", "init_image is stored no longer: send it again")


def test_a_mask_of_the_same_shape_and_another_scale_is_taken() -> None:
    request = ask(init_image="picture", mask_image="mask", strength=0.4)
    assert request.task is Task.INPAINT
    assert (request.steps, request.steps_taken) == (25, 10)
    assert GenerationRequest.from_json(request.as_json()) == request
