"""Which passwords are taken, and what is kept of them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from easel.accounts.passwords import LONGEST, NOBODYS, check_fitness, hashed, is_outdated, matches
from easel.domain.errors import InvalidRequest

GOOD = "three quiet easels"


def test_a_hash_matches_its_own_password_only() -> None:
    stored = hashed(GOOD)
    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert GOOD not in stored
    assert matches(stored, GOOD)
    for wrong in ("", GOOD + " ", GOOD.title(), "x" * 5000):
        assert not matches(stored, wrong)


def test_the_same_password_is_never_kept_twice_alike() -> None:
    assert hashed(GOOD) != hashed(GOOD)


def test_without_a_hash_nothing_matches() -> None:
    for password in ("", GOOD, NOBODYS):
        assert not matches(None, password)


def test_what_is_checked_for_nobody_costs_as_much_as_for_somebody() -> None:
    """The same parameters, so the same work."""
    assert NOBODYS.split("$")[:4] == hashed(GOOD).split("$")[:4]
    assert [len(part) for part in NOBODYS.split("$")] == [len(part) for part in hashed(GOOD).split("$")]
    assert not is_outdated(NOBODYS)


@pytest.mark.parametrize("stored", ["", "x", "$argon2id$", "$2b$12$abcdefghijklmnopqrstuv"])
def test_what_is_no_hash_matches_nothing(stored: str) -> None:
    assert not matches(stored, GOOD)


def test_a_hash_of_other_parameters_is_outdated() -> None:
    assert is_outdated("$argon2id$v=19$m=1024,t=1,p=1$c29tZXNhbHRzYWx0$" + "A" * 43)


def test_the_keyboard_does_not_matter() -> None:
    """An accent typed in one stroke or in two."""
    assert matches(hashed(check_fitness("caf\u00e9 au lait")), "cafe\u0301 au lait")


@pytest.mark.parametrize(
    "fit", [GOOD, "correct horse", "ünïcödé pässwörd", "пароль из слов", "x1!y2?z3+w", "a b c d e f"]
)
def test_length_counts_and_kinds_of_characters_do_not(fit: str) -> None:
    assert check_fitness(fit, "ann@example.org") == fit


@pytest.mark.parametrize(
    ("unfit", "says"),
    [
        ("", "10 to 200 characters"),
        ("nine char", "10 to 200 characters"),
        ("long and " * 23, "10 to 200 characters"),
        ("aaaaaaaaaaaa", "first that anybody would try"),
        ("abababababab", "first that anybody would try"),
        ("Password123", "first that anybody would try"),
        ("qwertyuiop", "first that anybody would try"),
        ("ann.person@example.org", "must not be your e-mail"),
        ("Ann.Person", "must not be your e-mail"),
    ],
)
def test_what_is_guessed_first_is_refused(unfit: str, says: str) -> None:
    with pytest.raises(InvalidRequest, match=says) as refused:
        check_fitness(unfit, "ann.person@example.org")
    assert refused.value.field == "password"


@settings(max_examples=10, deadline=None)
@given(st.text(st.characters(), min_size=0, max_size=LONGEST))
def test_whatever_is_taken_can_be_used(password: str) -> None:
    try:
        taken = check_fitness(password)
    except InvalidRequest:
        return
    assert matches(hashed(taken), password)


@given(st.text(st.characters(exclude_categories=[]), max_size=300))
def test_any_text_is_taken_or_refused_with_a_sentence(password: str) -> None:
    sentence = "password is fit"
    try:
        check_fitness(password, "ann@example.org")
    except InvalidRequest as refused:
        sentence = refused.message
    assert sentence.startswith("password ")
