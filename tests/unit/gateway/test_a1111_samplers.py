"""A1111's names of samplers and schedulers, in both spellings."""

import pytest

from easel.domain.errors import NotFound
from easel.domain.sampling import Sampler, Spacing
from easel.gateway.dialects.automatic1111.samplers import choose, listed_samplers, listed_schedulers

KARRAS, EXPONENTIAL, MODEL = Spacing.KARRAS, Spacing.EXPONENTIAL, Spacing.MODEL


@pytest.mark.parametrize(
    ("sampler", "scheduler", "expected"),
    [
        ("DPM++ 2M", "Karras", (Sampler.DPMPP_2M, KARRAS)),
        ("DPM++ 2M Karras", None, (Sampler.DPMPP_2M, KARRAS)),
        ("DPM++ 2M Karras", "Automatic", (Sampler.DPMPP_2M, KARRAS)),
        ("dpm++  2m  karras", "automatic", (Sampler.DPMPP_2M, KARRAS)),
        ("k_dpmpp_2m_ka", None, (Sampler.DPMPP_2M, KARRAS)),
        ("DPM++ 2M Karras", "exponential", (Sampler.DPMPP_2M, EXPONENTIAL)),
        ("DPM++ 2M", "automatic", (Sampler.DPMPP_2M, KARRAS)),
        ("DPM++ 2M SDE", "Automatic", (Sampler.DPMPP_2M_SDE, EXPONENTIAL)),
        ("Euler a", "Automatic", (Sampler.EULER_ANCESTRAL, MODEL)),
        ("k_euler_a", None, (Sampler.EULER_ANCESTRAL, MODEL)),
        ("Euler", "SGM Uniform", (Sampler.EULER, Spacing.SGM_UNIFORM)),
        ("Euler", "polyexponential", (Sampler.EULER, EXPONENTIAL)),
        (None, "Karras", (None, KARRAS)),
        (None, None, (None, None)),
    ],
)
def test_what_a_name_stands_for(
    sampler: str | None, scheduler: str | None, expected: tuple[Sampler | None, Spacing | None]
) -> None:
    chosen = choose(sampler, scheduler)
    assert (chosen.sampler, chosen.spacing, chosen.warnings) == (*expected, ())


@pytest.mark.parametrize(("sampler", "scheduler"), [("DPM++ SDE Karras", None), ("Euler", "Align Your Steps")])
def test_what_is_not_here_is_named(sampler: str, scheduler: str | None) -> None:
    assert choose(sampler, scheduler).warnings


@pytest.mark.parametrize(("sampler", "scheduler"), [("nobody", None), ("nobody Karras", None), ("Euler", "nobody")])
def test_what_nobody_knows_is_refused(sampler: str, scheduler: str | None) -> None:
    with pytest.raises(NotFound, match="nobody"):
        choose(sampler, scheduler)


def test_what_is_listed_is_drawn_as_it_is_named() -> None:
    for sampler in listed_samplers():
        for spelling in (sampler["name"], *sampler["aliases"]):
            assert not choose(spelling, None).warnings
    for scheduler in listed_schedulers():
        assert not choose("Euler", scheduler["name"]).warnings
        assert not choose("Euler", scheduler["label"]).warnings
    assert {choose(sampler["name"], None).sampler for sampler in listed_samplers()} == set(Sampler)
