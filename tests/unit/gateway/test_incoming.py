"""Bodies in every form that clients send, read from the wire's bytes."""

import asyncio
import json
from contextlib import suppress
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from easel.domain.errors import NotAuthenticated
from easel.gateway.auth import key_of
from easel.gateway.errors import UnreadableBody
from easel.gateway.incoming import Incoming, read_incoming
from easel.gateway.limits import MAX_BODY_BYTES, LimitBody

FIELDS = {"prompt": "a red star", "width": "128"}
MULTIPART = b'--x\r\nContent-Disposition: form-data; name="prompt"\r\n\r\na red star\r\n--x--\r\n'


def request_with(body: bytes, content_type: str | None = None, query: str = "", **headers: str) -> Request:
    pairs = headers | ({"content-type": content_type} if content_type else {})
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in pairs.items()]

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    scope = {"type": "http", "method": "POST", "path": "/", "query_string": query.encode(), "headers": raw}
    return Request(scope, receive)


def read(body: bytes, content_type: str | None = None, query: str = "") -> Incoming:
    return asyncio.run(read_incoming(request_with(body, content_type, query)))


@pytest.mark.parametrize("content_type", ["application/json", None, "text/plain", "application/x-www-form-urlencoded"])
def test_json_is_read_whatever_it_is_called(content_type: str | None) -> None:
    assert read(json.dumps(FIELDS).encode(), content_type).fields == FIELDS


def test_a_form_is_read() -> None:
    assert read(urlencode(FIELDS).encode(), "application/x-www-form-urlencoded").fields == FIELDS


def test_multipart_is_read() -> None:
    assert read(MULTIPART, "multipart/form-data; boundary=x").fields == {"prompt": "a red star"}


def test_the_body_wins_over_the_query() -> None:
    assert read(b'{"width": 256}', query="width=128&height=64").fields == {"width": 256, "height": "64"}


def test_no_body_is_no_fields() -> None:
    assert read(b"", query=urlencode(FIELDS)).fields == FIELDS


@pytest.mark.parametrize(
    ("body", "word"),
    [
        pytest.param(b"prompt=a star", "no valid JSON", id="form called JSON"),
        pytest.param(b'{"prompt": ', "at line 1, column", id="broken off"),
        pytest.param(b"[1, 2]", "no object", id="list"),
        pytest.param(b'"prompt"', "no object", id="string"),
        pytest.param(b"null", "no object", id="null"),
        pytest.param(b'{"a":' * 100_000, "nested too deeply", id="deep objects"),
        pytest.param(b"[" * 100_000, "nested too deeply", id="deep lists"),
        pytest.param(b'{"seed": ' + b"9" * 10_000 + b"}", "too many digits", id="huge number"),
        pytest.param(b'{"prompt": "\xff\xfe"}', "UTF-8", id="no UTF-8"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_with_a_sentence(body: bytes, word: str) -> None:
    with pytest.raises(UnreadableBody, match=word):
        read(body, "application/json")


def test_a_form_without_end_is_refused() -> None:
    with pytest.raises(UnreadableBody, match="more than 1000 fields"):
        read(b"a=1&" * 2000, "application/x-www-form-urlencoded")


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/form-data; boundary=y"])
def test_a_multipart_body_that_cannot_be_read_is_refused(content_type: str) -> None:
    with pytest.raises(UnreadableBody, match="check its boundary"):
        read(MULTIPART, content_type)


@given(st.binary(max_size=200), st.sampled_from(["application/json", "application/x-www-form-urlencoded", ""]))
def test_no_bytes_break_the_reader(body: bytes, content_type: str) -> None:
    with suppress(UnreadableBody):
        assert isinstance(read(body, content_type).fields, dict)


def test_the_first_key_in_the_documented_order() -> None:
    request = request_with(b"", key="header", x_api_key="x", authorization="Bearer bearer")
    assert key_of(request, Incoming({"key": "query"}, {"key": "body"})) == "body"
    assert key_of(request, Incoming({"key": "query"}, {"key": ""})) == "header"
    assert key_of(request_with(b"", x_api_key="x", authorization="Bearer b"), Incoming({"key": "query"}, {})) == "x"
    assert key_of(request_with(b"", authorization="bearer b"), Incoming({"key": "query"}, {})) == "b"
    assert key_of(request_with(b""), Incoming({"key": "query"}, {})) == "query"


def test_no_key() -> None:
    with pytest.raises(NotAuthenticated, match=r"^API key required$"):
        key_of(request_with(b"", authorization="Basic abc"), Incoming({}, {}))


@pytest.mark.parametrize("key", [5, ["a"], "käse", "a\x00b", "a\nb", True])
def test_what_cannot_be_a_key(key: object) -> None:
    with pytest.raises(NotAuthenticated, match=r"^Invalid API key$"):
        key_of(request_with(b""), Incoming({}, {"key": key}))


def test_a_body_that_lies_about_its_length_is_cut_off() -> None:
    """The reader never gets to hold more than the limit."""
    asked = 0

    async def reader(scope: Scope, receive: Receive, send: Send) -> None:
        while True:
            await receive()

    async def endless() -> Message:
        nonlocal asked
        asked += 1
        return {"type": "http.request", "body": b"x" * 1024**2, "more_body": True}

    async def send(message: Message) -> None: ...

    scope = {"type": "http", "headers": [(b"content-length", b"10")]}
    with pytest.raises(HTTPException) as refusal:
        asyncio.run(LimitBody(reader)(scope, endless, send))
    assert refusal.value.status_code == 413
    assert asked == MAX_BODY_BYTES // 1024**2 + 1


def test_a_body_that_says_it_is_too_long_is_not_read_at_all() -> None:
    async def reader(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()

    async def unread() -> Message:
        raise AssertionError("the body was read")

    async def send(message: Message) -> None: ...

    scope = {"type": "http", "headers": [(b"content-length", str(MAX_BODY_BYTES + 1).encode())]}
    with pytest.raises(HTTPException):
        asyncio.run(LimitBody(reader)(scope, unread, send))
