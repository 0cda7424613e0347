"""Where a page may lead somebody on to: only to itself."""

from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from easel.site.addresses import own_path

HOME = "https://easel.example/login"


@pytest.mark.parametrize(
    "path", ["/", "/models", "/models/easel/easel-starter?prompt=a%20star&seed=7", "/account/keys"]
)
def test_its_own_paths_are_kept(path: str) -> None:
    assert own_path(path) == path


@pytest.mark.parametrize(
    "wanted",
    [
        "",
        "models",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "/\tevil",
        "/ok\r\nSet-Cookie: a=b",
        "/\n//evil.example",
        "/models\n",
        " /models",
        "/@evil.example",
    ],
)
def test_everything_else_is_refused(wanted: str) -> None:
    assert own_path(wanted) is None


@given(st.one_of(st.text(), st.from_regex(r"\A[/\\]{1,3}[a-z./\\:@?&\t\n]*\Z")))
def test_what_is_kept_never_leads_away(wanted: str) -> None:
    kept = own_path(wanted)
    if kept is not None:
        assert kept == wanted
        assert urlsplit(urljoin(HOME, kept)).netloc == "easel.example"
        assert kept.isascii()
        assert kept.isprintable()
