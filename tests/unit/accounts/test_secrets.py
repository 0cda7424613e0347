"""The shape of secrets."""

import re

from hypothesis import given
from hypothesis import strategies as st

from easel.accounts.secrets import derived_key, new_key, sha256_of, shown_part

SHAPE = r"easel_[A-Za-z0-9_-]{43}"


def test_a_key_and_a_derived_key_have_one_shape() -> None:
    assert re.fullmatch(SHAPE, new_key())
    assert re.fullmatch(SHAPE, derived_key("secret", 1))


def test_no_two_keys_are_the_same() -> None:
    assert len({new_key() for _ in range(1000)}) == 1000


@given(secret=st.text(), other=st.text(), counter=st.integers(0, 10**6))
def test_a_derived_key_depends_on_secret_and_counter_alone(secret: str, other: str, counter: int) -> None:
    secret, other = (text.encode("utf-8", "replace").decode() for text in (secret, other))
    assert derived_key(secret, counter) == derived_key(secret, counter)
    assert derived_key(secret, counter) != derived_key(secret, counter + 1)
    assert (derived_key(secret, counter) == derived_key(other, counter)) == (secret == other)


def test_the_part_shown_is_too_short_to_guess_the_rest() -> None:
    assert len(shown_part(new_key())) == 12


@given(st.text(alphabet=st.characters()))
def test_any_text_has_a_hash(text: str) -> None:
    assert re.fullmatch(r"[0-9a-f]{64}", sha256_of(text))
