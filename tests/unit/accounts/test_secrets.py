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


# HMAC pads a key with zeros, so secrets that end in them would be one; ours are printable.
SECRETS = st.text(st.characters(exclude_categories=["C"]))


@given(secret=SECRETS, other=SECRETS, counter=st.integers(0, 10**6))
def test_a_derived_key_depends_on_secret_and_counter_alone(secret: str, other: str, counter: int) -> None:
    assert derived_key(secret, counter) == derived_key(secret, counter)
    assert derived_key(secret, counter) != derived_key(secret, counter + 1)
    assert (derived_key(secret, counter) == derived_key(other, counter)) == (secret == other)


def test_the_part_shown_is_too_short_to_guess_the_rest() -> None:
    assert len(shown_part(new_key())) == 12


@given(st.text(alphabet=st.characters()))
def test_any_text_has_a_hash(text: str) -> None:
    assert re.fullmatch(r"[0-9a-f]{64}", sha256_of(text))
