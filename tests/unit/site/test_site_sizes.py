"""Sizes on offer are always sizes that the model draws."""

from hypothesis import given
from hypothesis import strategies as st

from easel.catalogue.limits import Defaults, Limits
from easel.domain.sampling import Sampler, Spacing
from easel.site.sizes import Size, presets, size_named


def limits(low: int, high: int, multiple: int = 8) -> Limits:
    return Limits(
        min_size=low,
        max_size=high,
        multiple_of=multiple,
        min_steps=1,
        max_steps=50,
        min_guidance=1,
        max_guidance=20,
        max_samples=4,
    )


def defaults(side: int) -> Defaults:
    return Defaults(width=side, height=side, steps=25, guidance=4, sampler=Sampler.DDIM, spacing=Spacing.MODEL)


def test_the_models_own_size_comes_first() -> None:
    own = Size(768, 768)
    assert presets(limits(256, 1024), defaults(768), own)[0] == own


def test_a_chosen_size_is_among_them() -> None:
    assert presets(limits(64, 256), defaults(128), Size(64, 256))[-1] == Size(64, 256)


@given(st.integers(1, 64), st.integers(1, 4), st.integers(1, 4))
def test_every_size_fits_and_stands_once(own: int, below: int, above: int) -> None:
    within, usual = limits(own * 8 // below // 8 * 8, own * 8 * above), defaults(own * 8)
    sizes = presets(within, usual, Size(own * 8, own * 8))
    assert sizes
    assert all(size.fits(within) for size in sizes)
    assert len(sizes) == len(set(sizes))


def test_what_is_no_size_of_the_model_is_its_own() -> None:
    for name in ("", "x", "128", "99999x1", "130x128", "128x128x128", "-8x8", "\N{FULLWIDTH DIGIT ONE}28x128"):
        assert size_named(name, limits(64, 256), defaults(128)) == Size(128, 128)
    assert size_named("144x112", limits(64, 256), defaults(128)) == Size(144, 112)
