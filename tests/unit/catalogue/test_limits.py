"""From a draft to a request: what is filled in, and each sentence with which a draft is refused."""

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from easel.catalogue.entries import read_entries
from easel.catalogue.limits import defaults_of, limits_of, resolve, size_of_shape
from easel.catalogue.tables import Model
from easel.domain.errors import InvalidRequest, ModelNotInstalled
from easel.domain.request import SEED_LIMIT, Extras, GenerationDraft, GenerationRequest, SecondPass
from easel.domain.sampling import Sampler, Spacing

MODELS = {
    entry.model_id: Model(
        model_id=entry.model_id,
        kind=entry.kind,
        defaults=entry.defaults,
        limits=entry.limits,
        weights=entry.source,
    )
    for entry in read_entries()
}
STARTER = MODELS["easel-starter"]
DRAFT = GenerationDraft(model_id="easel-starter", prompt="three red stars")


def ask(model: Model = STARTER, **said: Any) -> GenerationRequest:
    return resolve(model, replace(DRAFT, **said), new_seed=lambda: 42)


def refusal(model: Model = STARTER, **said: Any) -> tuple[str, str]:
    with pytest.raises(InvalidRequest) as caught:
        ask(model, **said)
    return caught.value.field, caught.value.message


class TestWhatIsLeftOut:
    def test_comes_from_the_model(self) -> None:
        assert ask() == GenerationRequest(
            model_id="easel-starter",
            prompt="three red stars",
            negative_prompt="",
            width=256,
            height=256,
            samples=1,
            steps=25,
            guidance=4.0,
            seed=42,
            sampler=Sampler.DDIM,
            spacing=Spacing.MODEL,
        )

    def test_is_another_models_own(self) -> None:
        request = ask(MODELS["stable-diffu"])
        assert (request.width, request.height, request.steps, request.guidance) == (768, 768, 30, 7.5)

    def test_is_not_filled_in_where_something_was_said(self) -> None:
        said: dict[str, Any] = {
            "negative_prompt": "blue",
            "width": 128,
            "height": 256,
            "samples": 4,
            "steps": 1,
            "guidance": 20.0,
            "seed": 0,
            "sampler": Sampler.EULER,
            "spacing": Spacing.KARRAS,
        }
        request = ask(**said)
        assert {name: getattr(request, name) for name in said} == said


class TestWhatDependsOnTheSize:
    """The starter's own is 256x256."""

    @pytest.mark.parametrize(("width", "height", "merged"), [(256, 256, 0.0), (512, 128, 0.0), (256, 272, 0.5)])
    def test_tokens_are_merged_beyond_the_models_own_size_only(self, width: int, height: int, merged: float) -> None:
        request = ask(width=width, height=height, extras=Extras(token_merging=0.5))
        assert request.extras.token_merging == merged

    def test_the_second_pass_counts(self) -> None:
        asked = Extras(token_merging=0.5, second_pass=SecondPass())
        assert ask(width=256, height=256, extras=asked).extras.token_merging == 0.5

    def test_a_panorama_has_windows_of_the_models_own_size(self) -> None:
        extras = ask(width=512, height=512, extras=Extras(token_merging=0.5, panorama=True)).extras
        assert (extras.window, extras.token_merging) == (256, 0.0)
        assert ask(width=512, height=512).extras.window is None


class TestSeed:
    @pytest.mark.parametrize("seed", [None, -1])
    def test_none_and_minus_one_ask_for_a_random_one(self, seed: int | None) -> None:
        assert ask(seed=seed).seed == 42

    @pytest.mark.parametrize("seed", [0, 1, SEED_LIMIT - 1])
    def test_any_other_in_range_is_kept(self, seed: int) -> None:
        assert ask(seed=seed).seed == seed

    @pytest.mark.parametrize("seed", [-2, SEED_LIMIT, 10**400])
    def test_out_of_range_is_refused(self, seed: int) -> None:
        assert refusal(seed=seed) == ("seed", "seed must be between 0 and 4294967295")


class TestRanges:
    @pytest.mark.parametrize(
        ("said", "sentence"),
        [
            ({"width": 56}, "width must be between 128 and 512"),
            ({"width": 528}, "width must be between 128 and 512"),
            ({"width": 0}, "width must be between 128 and 512"),
            ({"width": -128}, "width must be between 128 and 512"),
            ({"width": 10**400}, "width must be between 128 and 512"),
            ({"width": 200}, "width must be divisible by 16"),
            ({"height": 63}, "height must be between 128 and 512"),
            ({"height": 513}, "height must be between 128 and 512"),
            ({"height": 250}, "height must be divisible by 16"),
            ({"samples": 0}, "samples must be between 1 and 4"),
            ({"samples": 5}, "samples must be between 1 and 4"),
            ({"samples": -1}, "samples must be between 1 and 4"),
            ({"steps": 0}, "num_inference_steps must be between 1 and 100"),
            ({"steps": 101}, "num_inference_steps must be between 1 and 100"),
            ({"guidance": 0.9}, "guidance_scale must be between 1 and 20"),
            ({"guidance": 20.1}, "guidance_scale must be between 1 and 20"),
            ({"guidance": math.nan}, "guidance_scale must be between 1 and 20"),
            ({"guidance": math.inf}, "guidance_scale must be between 1 and 20"),
            ({"guidance": -math.inf}, "guidance_scale must be between 1 and 20"),
            ({"guidance": -7.5}, "guidance_scale must be between 1 and 20"),
            ({"guidance": 1e308}, "guidance_scale must be between 1 and 20"),
        ],
    )
    def test_what_is_outside_is_refused_by_name(self, said: dict[str, Any], sentence: str) -> None:
        assert refusal(**said) == (sentence.split()[0], sentence)

    def test_another_model_has_other_ranges(self) -> None:
        assert refusal(MODELS["stable-diffu"], width=128)[1] == "width must be between 256 and 1024"

    @given(
        width=st.integers(-10, 700),
        height=st.integers(-10, 700),
        samples=st.integers(-2, 9),
        steps=st.integers(-5, 200),
    )
    def test_a_request_is_within_all_limits_or_refused(self, width: int, height: int, samples: int, steps: int) -> None:
        try:
            request = ask(width=width, height=height, samples=samples, steps=steps)
        except InvalidRequest:
            return
        assert 128 <= request.width <= 512 >= request.height >= 128
        assert request.width % 16 == request.height % 16 == 0
        assert 1 <= request.samples <= 4
        assert 1 <= request.steps <= 100


class TestPrompt:
    @pytest.mark.parametrize("prompt", ["", "   ", "\n\t"])
    def test_an_empty_one_is_refused(self, prompt: str) -> None:
        assert refusal(prompt=prompt) == ("prompt", "prompt is required")

    def test_an_empty_negative_one_is_none(self) -> None:
        assert ask(negative_prompt="").negative_prompt == ""

    @pytest.mark.parametrize("field", ["prompt", "negative_prompt"])
    def test_one_of_a_megabyte_is_refused(self, field: str) -> None:
        sentence = f"{field} must be at most 10,000 characters long, not 1,000,000"
        assert refusal(**{field: "a" * 1_000_000}) == (field, sentence)

    def test_the_longest_is_taken(self) -> None:
        assert len(ask(prompt="é" * 10_000).prompt) == 10_000

    @pytest.mark.parametrize("field", ["prompt", "negative_prompt"])
    @pytest.mark.parametrize("character", ["\x00", "\x1b", "\x7f", "\x85", "\ud800"])
    def test_control_characters_are_refused(self, field: str, character: str) -> None:
        assert refusal(**{field: f"a red{character} star"}) == (field, f"{field} must not contain control characters")

    @pytest.mark.parametrize("prompt", ["two lines\r\nof text\twith a tab", "赤い星 🌟", "'; DROP TABLE models; --"])
    def test_any_other_text_is_kept_as_it_is(self, prompt: str) -> None:
        assert ask(prompt=prompt).prompt == prompt


class TestModel:
    def test_without_weights_is_refused_with_the_command_that_installs_them(self) -> None:
        absent = Model(model_id="stable-diffu", kind="checkpoint", defaults=STARTER.defaults, limits=STARTER.limits)
        with pytest.raises(ModelNotInstalled, match="easel models install stable-diffu"):
            ask(absent)

    def test_a_lora_is_refused_with_what_can_be_sent(self) -> None:
        field, sentence = refusal(MODELS["2-v1"])
        assert field == "model_id"
        assert sentence == (
            "Model 2-v1 is a LoRA, which draws nothing by itself, not a checkpoint; send one as model_id"
        )

    @pytest.mark.parametrize("look", [defaults_of, limits_of])
    def test_a_lora_has_neither_defaults_nor_limits(self, look: Any) -> None:
        with pytest.raises(InvalidRequest, match="not a checkpoint"):
            look(MODELS["2-v1"])


class TestPrompts:
    @pytest.mark.parametrize(
        ("said", "field", "sentence"),
        [
            ({"prompt": " AND ".join("abcdefghi")}, "prompt", "prompt has 9 parts joined by AND"),
            ({"prompt": "a AND b:-1", "guidance": 1.0}, "prompt", "add up to 0; without guidance"),
            ({"prompt": "(a:101)"}, "prompt", "prompt has a weight of 101"),
            ({"negative_prompt": "[(a:101):b:1]"}, "negative_prompt", "negative_prompt has a weight of 101"),
            ({"prompt": "".join(f"[{n}a:{n}b:{n}]" for n in range(1, 40)), "steps": 50}, "prompt", "says 40 different"),
            ({"extras": Extras(clip_skip=0)}, "clip_skip", "clip_skip must be between 1 and 12"),
            ({"extras": Extras(clip_skip=13)}, "clip_skip", "clip_skip must be between 1 and 12"),
        ],
    )
    def test_what_would_take_too_much_is_refused_by_name(self, said: dict[str, Any], field: str, sentence: str) -> None:
        refused, message = refusal(**said)
        assert refused == field
        assert sentence in message

    def test_the_fields_syntax_is_kept_as_it_was_written(self) -> None:
        said = {"prompt": "(a:1.2) AND [b:c:0.5] BREAK d", "negative_prompt": "[x|y]", "extras": Extras(clip_skip=2)}
        request = ask(**said)
        assert {name: getattr(request, name) for name in said} == said


@pytest.mark.parametrize(("shape", "size"), [((1, 1), (256, 256)), ((4, 1), (512, 128)), ((1, 4), (128, 512))])
def test_a_shape_has_the_models_own_number_of_pixels(shape: tuple[int, int], size: tuple[int, int]) -> None:
    drawn = resolve(STARTER, replace(DRAFT, shape=shape), lambda: 0)
    assert (drawn.width, drawn.height) == size


def test_a_shape_gives_way_to_a_size() -> None:
    drawn = resolve(STARTER, replace(DRAFT, shape=(4, 1), width=128), lambda: 0)
    assert (drawn.width, drawn.height) == (128, defaults_of(STARTER).height)


@given(across=st.integers(1, 99), down=st.integers(1, 99), model_id=st.sampled_from(sorted(MODELS)))
def test_every_shape_is_drawn_by_every_checkpoint(across: int, down: int, model_id: str) -> None:
    model = MODELS[model_id]
    if model.kind != "checkpoint":
        return
    limits = limits_of(model)
    for side in size_of_shape(across, down, defaults_of(model), limits):
        assert limits.min_size <= side <= limits.max_size
        assert side % limits.multiple_of == 0
