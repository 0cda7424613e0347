"""The cookie carries a token that only we can have signed, and a form token is good for one session alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from easel.kit.ids import new_token
from easel.site.sessions import SessionSigner

SIGNER = SessionSigner("a secret")


def test_a_cookie_gives_its_token_back() -> None:
    token = new_token()
    assert SIGNER.read(SIGNER.cookie(token)) == token


@pytest.mark.parametrize("cookie", [None, "", "x", ".", "a.b.c", '{"account":1}', "ünicode.x"])
def test_what_we_did_not_sign_is_nobody(cookie: str | None) -> None:
    assert SIGNER.read(cookie) is None


@given(st.text())
def test_no_text_is_a_cookie_of_ours_by_chance(cookie: str) -> None:
    assert SIGNER.read(cookie) is None


def test_another_secret_is_nobody() -> None:
    assert SIGNER.read(SessionSigner("another").cookie("token")) is None


@given(st.data())
def test_a_changed_cookie_is_nobody(data: st.DataObject) -> None:
    cookie = SIGNER.cookie("a-token-of-somebody")
    place = data.draw(st.integers(0, len(cookie) - 1))
    other = data.draw(st.characters(codec="ascii").filter(lambda character: character != cookie[place]))
    # The last character of a base64 text has bits that mean nothing; the token is what counts.
    assert SIGNER.read(cookie[:place] + other + cookie[place + 1 :]) in (None, "a-token-of-somebody")


def test_a_form_token_is_good_for_its_own_session_only() -> None:
    mine, later = new_token(), new_token()
    token = SIGNER.form_token(mine)
    assert SIGNER.is_form_token(mine, token)
    assert not SIGNER.is_form_token(later, token)


@pytest.mark.parametrize("given", ["", "ünicode", "\ud800", "x" * 10_000])
def test_what_is_no_form_token_is_refused(given: str) -> None:
    assert not SIGNER.is_form_token("token", given)


def test_a_cookie_is_no_form_token() -> None:
    assert not SIGNER.is_form_token("token", SIGNER.cookie("token").rpartition(".")[2])
