"""One spelling for each address."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from easel.accounts.emails import LIMIT, normalise
from easel.domain.errors import InvalidRequest

ADDRESSES = st.one_of(
    st.text(max_size=40),
    st.emails(),
    st.builds("{}@{}".format, st.text(max_size=12), st.text(max_size=20)),
    st.builds("{}@{}.org".format, st.text("aAzZ09.+-_'", max_size=12), st.text("aAzZ09.-äß中İı", max_size=12)),
)


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("ann@example.org", "ann@example.org"),
        (" Ann.B+tag@Example.ORG ", "ann.b+tag@example.org"),
        ("ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("ann@BÜCHER.example", "ann@xn--bcher-kva.example"),
        ("ann@XN--BCHER-KVA.example", "ann@xn--bcher-kva.example"),
        ("ann@localhost", "ann@localhost"),
        ("o'neil@example.org", "o'neil@example.org"),
    ],
)
def test_it_is_written_as_it_is_stored(typed: str, stored: str) -> None:
    assert normalise(typed) == stored


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "ann",
        "@example.org",
        "ann@",
        "a b@example.org",
        "ann@exa mple.org",
        "a\x00@b.c",
        "ann@b\nc.org",
        "ann@b.c\r\nBcc: all@example.org",
        ".ann@example.org",
        "ann.@example.org",
        "a..b@example.org",
        "ann@example..org",
        "ann@.org",
        "änn@example.org",
        "ann\u0131@example.org",
        '"ann"@example.org',
        "ann@b@c.org",
        "ann@[127.0.0.1]",
        "x" * 65 + "@example.org",
        "x@" + "y" * 64 + ".org",
        "x@" + ".".join(["y" * 60] * 5),
        "\ud800@example.org",
        "ann@\ud800.org",
    ],
)
def test_what_is_no_address_is_refused(typed: str) -> None:
    with pytest.raises(InvalidRequest, match=r"email must look like name@example\.org"):
        normalise(typed)


@given(ADDRESSES)
def test_what_is_stored_stays_as_it_is_and_holds_nothing_strange(typed: str) -> None:
    try:
        stored = normalise(typed)
    except InvalidRequest:
        return
    assert normalise(stored) == stored == stored.lower()
    assert stored.isascii()
    assert stored.isprintable()
    assert len(stored) <= LIMIT
    assert stored.count("@") == 1
    assert not set(stored) & set(' "<>,;:()[]\\')


@given(ADDRESSES)
def test_case_and_space_around_make_no_other_address(typed: str) -> None:
    try:
        stored = normalise(typed)
    except InvalidRequest:
        return
    assert normalise(f" {stored.upper()}\t") == stored
