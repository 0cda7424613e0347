"""What a checkpoint that somebody brings may be asked for."""

import pytest

from easel.catalogue.entries import read_entries
from easel.catalogue.habits import defaults_for, limits_for
from easel.catalogue.limits import read_limits


@pytest.mark.parametrize("resolution", [8, 64, 128, 256, 512, 640, 768, 1024, 1536, 4096])
@pytest.mark.parametrize("pixels", [4, 8, 16, 32])
@pytest.mark.parametrize("family", ["sd1", "sd2", "sdxl", "another"])
def test_defaults_are_within_the_limits(family: str, pixels: int, resolution: int) -> None:
    resolution = max(resolution, pixels)
    defaults, limits = defaults_for(family, resolution), limits_for(resolution, pixels)
    assert limits.multiple_of % pixels == 0
    assert limits.min_size <= defaults.width == defaults.height <= limits.max_size
    assert limits.min_size % limits.multiple_of == limits.max_size % limits.multiple_of == 0
    assert limits.min_steps <= defaults.steps <= limits.max_steps
    assert limits.min_guidance <= defaults.guidance <= limits.max_guidance


def test_they_are_those_that_the_catalogue_gives_its_own() -> None:
    for entry in read_entries():
        if entry.resolution:
            own = read_limits(entry.limits)
            assert limits_for(entry.resolution, own.multiple_of) == own, entry.model_id
