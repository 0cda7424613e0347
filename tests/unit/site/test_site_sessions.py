"""The cookie says who a browser is for as long as it may, and nobody else can write one."""

from datetime import timedelta

import pytest

from easel.kit.clock import SettableClock
from easel.site.sessions import LIFETIME, SessionSigner

SIGNER = SessionSigner("a secret")


def test_a_cookie_names_its_account(clock: SettableClock) -> None:
    session = SIGNER.read(SIGNER.issue(7, clock.now()), clock.now())
    assert session
    assert session.account_id == 7


def test_a_cookie_runs_out(clock: SettableClock) -> None:
    cookie = SIGNER.issue(7, clock.now())
    clock.advance(LIFETIME - timedelta(seconds=1))
    assert SIGNER.read(cookie, clock.now())
    clock.advance(timedelta(seconds=1))
    assert SIGNER.read(cookie, clock.now()) is None


@pytest.mark.parametrize("cookie", [None, "", "x", "a.b.c", '{"account":1}'])
def test_what_we_did_not_sign_is_nobody(cookie: str | None, clock: SettableClock) -> None:
    assert SIGNER.read(cookie, clock.now()) is None


def test_another_secret_is_nobody(clock: SettableClock) -> None:
    assert SIGNER.read(SessionSigner("another").issue(7, clock.now()), clock.now()) is None


def test_a_changed_cookie_is_nobody(clock: SettableClock) -> None:
    cookie = SIGNER.issue(7, clock.now())
    assert SIGNER.read(cookie[:5] + ("A" if cookie[5] != "A" else "B") + cookie[6:], clock.now()) is None


def test_a_form_token_is_good_for_its_own_session_only(clock: SettableClock) -> None:
    mine = SIGNER.read(SIGNER.issue(7, clock.now()), clock.now())
    later = SIGNER.read(SIGNER.issue(7, clock.now()), clock.now())
    assert mine
    assert later
    token = SIGNER.form_token(mine)
    assert SIGNER.is_form_token(mine, token)
    assert not SIGNER.is_form_token(later, token)
    assert not SIGNER.is_form_token(mine, "")
    assert not SIGNER.is_form_token(mine, "ünicode")
