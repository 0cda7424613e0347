"""The fetcher: what it refuses to reach, and what it does with answers that are slow, endless or lead elsewhere."""

import ssl
import time
from pathlib import Path

import pytest
from receiver import Answer, Received, Receiver

from easel.kit.fetch import (
    AddressRefused,
    BadUrl,
    Fetcher,
    FetchFailed,
    check_literal_address,
    check_url_syntax,
    is_public,
)

PRIVATE = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2002:7f00:1::",
    "2001:0:4136:e378:8000:63bf:80ff:fffe",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
]


class TestIsPublic:
    @pytest.mark.parametrize("address", PRIVATE)
    def test_no_address_inside_is_public(self, address: str) -> None:
        assert not is_public(address)

    @pytest.mark.parametrize(
        "address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::"]
    )
    def test_an_address_on_the_internet_is(self, address: str) -> None:
        assert is_public(address)


class TestUrlSyntax:
    @pytest.mark.parametrize(
        "url",
        ["http://example.org", "https://example.org:8443/hook?a=b#c", "http://[2606:4700::1]/", "http://1.2.3.4/x%20y"],
    )
    def test_a_plain_address_is_taken(self, url: str) -> None:
        check_url_syntax(url)

    @pytest.mark.parametrize(
        ("url", "says"),
        [
            ("", "must begin with"),
            ("example.org/hook", "must begin with"),
            ("ftp://example.org", "must begin with"),
            ("file:///etc/passwd", "must begin with"),
            ("javascript:alert(1)", "must begin with"),
            ("gopher://127.0.0.1:6379/_", "must begin with"),
            ("http://", "names no host"),
            ("http:///path", "names no host"),
            ("http://:80/", "names no host"),
            ("https://user:secret@example.org/", "user name or password"),
            ("https://user@example.org/", "user name or password"),
            ("https://example.org@127.0.0.1/", "user name or password"),
            ("http://example.org:99999/", "cannot be read"),
            ("http://example.org:port/", "cannot be read"),
            ("http://[::1/", "cannot be read"),
            ("http://example.org/a b", "without spaces"),
            ("http://example.org/\r\nHost: inside", "printable ASCII"),
            ("http://example.org/\x00", "printable ASCII"),
            ("http://ex\u200dample.org/", "printable ASCII"),
            ("http://\uff11\uff12\uff17.0.0.1/", "printable ASCII"),
            ("http://example.org\\@127.0.0.1/", "printable ASCII"),
            ("http://example.org/" + "a" * 2000, "longer than 2000 characters"),
        ],
    )
    def test_anything_else_is_refused_with_what_is_wrong(self, url: str, says: str) -> None:
        with pytest.raises(BadUrl, match=says):
            check_url_syntax(url)


class TestLiteralAddress:
    @pytest.mark.parametrize(
        "host", ["127.0.0.1", "127.1", "0x7f000001", "2130706433", "10.0.0.1", "[::1]", "[fe80::1]", "LOCALHOST"]
    )
    def test_what_plainly_leads_inside_is_refused(self, host: str) -> None:
        with pytest.raises(AddressRefused, match="leads to a private or local address"):
            check_literal_address(f"http://{host}:9/hook")

    @pytest.mark.parametrize("host", ["8.8.8.8", "[2606:4700::1]", "example.org", "inside.example", "localhost.org"])
    def test_any_other_is_left_to_the_gate(self, host: str) -> None:
        check_literal_address(f"http://{host}/hook")


class TestWhereItLeads:
    """Nothing listens at the addresses that are refused: a fetcher that tried would fail otherwise."""

    @pytest.mark.parametrize(
        "host",
        [
            "127.0.0.1",
            "localhost",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "127.1",
            "0",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:a9fe:a9fe]",
            "169.254.169.254",
        ],
    )
    def test_every_spelling_of_an_inner_address_is_refused(self, host: str) -> None:
        with pytest.raises(AddressRefused, match="leads to a private or local address"):
            Fetcher().get(f"http://{host}:9/")

    @pytest.mark.parametrize("address", PRIVATE)
    def test_a_name_that_leads_inside_is_refused(self, address: str) -> None:
        with pytest.raises(AddressRefused, match=r"innocent\.example leads to"):
            Fetcher(resolver=lambda host, port: [address]).get("http://innocent.example/")

    def test_one_inner_address_among_public_ones_refuses_all(self) -> None:
        with pytest.raises(AddressRefused):
            Fetcher(resolver=lambda host, port: ["8.8.8.8", "127.0.0.1"]).get("http://innocent.example/")

    def test_a_post_is_refused_just_so(self) -> None:
        with pytest.raises(AddressRefused):
            Fetcher(resolver=lambda host, port: ["10.0.0.1"]).post("https://innocent.example/", {}, b"")

    def test_a_name_is_looked_up_once_and_that_address_is_used(self, receiver: Receiver) -> None:
        """A second look-up could answer with another address than the one that was checked."""
        asked: list[str] = []

        def resolver(host: str, port: int) -> list[str]:
            asked.append(host)
            return ["127.0.0.1"]

        url = receiver.url.replace("127.0.0.1", "somewhere.example")
        assert Fetcher(allow_private=True, resolver=resolver).get(url).status == 200
        assert asked == ["somewhere.example"]
        assert receiver.received[0].headers["host"] == url.removeprefix("http://")

    def test_the_next_address_is_tried_when_one_is_dead(self, receiver: Receiver) -> None:
        fetcher = Fetcher(allow_private=True, resolver=lambda host, port: ["127.0.0.2", "127.0.0.1"])
        assert fetcher.get(receiver.url.replace("127.0.0.1", "two.example")).status == 200

    @pytest.mark.parametrize("host", ["nowhere.invalid", "a" * 64 + ".example", ".."])
    def test_a_name_without_an_address_fails(self, host: str) -> None:
        with pytest.raises(FetchFailed, match="has no address"):
            Fetcher(seconds=5).get(f"http://{host}/")


class TestRedirects:
    def test_are_followed_and_counted(self, receiver: Receiver) -> None:
        receiver.answer = lambda request: (
            Answer(body=b"here") if request.path == "/3" else Answer(302, {"Location": f"/{int(request.path[1:]) + 1}"})
        )
        fetched = Fetcher(allow_private=True).get(receiver.url + "/0")
        assert (fetched.body, fetched.url) == (b"here", receiver.url + "/3")

    def test_without_end_fail(self, receiver: Receiver) -> None:
        receiver.answer = lambda request: Answer(302, {"Location": "/again"})
        with pytest.raises(FetchFailed, match="redirects more than 3 times"):
            Fetcher(allow_private=True).get(receiver.url)
        assert len(receiver.received) == 4

    @pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://example.org/", "http://user@example.org/"])
    def test_to_what_is_never_fetched_are_refused(self, receiver: Receiver, target: str) -> None:
        receiver.answer = lambda request: Answer(302, {"Location": target})
        with pytest.raises(BadUrl):
            Fetcher(allow_private=True).get(receiver.url)

    def test_to_an_inner_address_are_refused(self, receiver: Receiver) -> None:
        """Each name is looked up and judged anew. No test can have a server on a public address, so the first
        judgement is skipped by the switch, and the switch is off for the second."""
        fetcher = Fetcher(allow_private=True, resolver=lambda host, port: ["127.0.0.1"])

        def answer(request: Received) -> Answer:
            fetcher._allow_private = False
            return Answer(302, {"Location": "http://inside.example/"})

        receiver.answer = answer
        with pytest.raises(AddressRefused, match=r"inside\.example"):
            fetcher.get(receiver.url)

    def test_a_post_does_not_follow(self, receiver: Receiver) -> None:
        receiver.answer = lambda request: Answer(307, {"Location": "/elsewhere"})
        assert Fetcher(allow_private=True).post(receiver.url, {}, b"secret").status == 307
        assert len(receiver.received) == 1


class TestCaps:
    def test_an_answer_that_is_too_long_fails(self, receiver: Receiver) -> None:
        receiver.answer = lambda request: Answer(body=b"x" * 1001)
        with pytest.raises(FetchFailed, match="longer than 1000 bytes"):
            Fetcher(allow_private=True, max_bytes=1000).get(receiver.url)

    def test_the_longest_is_taken(self, receiver: Receiver) -> None:
        receiver.answer = lambda request: Answer(body=b"x" * 1000)
        assert len(Fetcher(allow_private=True, max_bytes=1000).get(receiver.url).body) == 1000

    def test_an_answer_that_drips_ends_with_the_time_it_has(self, receiver: Receiver) -> None:
        """Every byte comes well within a timeout of its own; only the whole is too slow."""
        receiver.answer = lambda request: Answer(body=b"x" * 1000, drip_seconds=0.05)
        started = time.monotonic()
        with pytest.raises(FetchFailed, match=r"within 0\.5 seconds"):
            Fetcher(allow_private=True, seconds=0.5).get(receiver.url)
        assert time.monotonic() - started < 3

    def test_a_post_does_not_wait_for_what_the_other_side_has_to_say(self, receiver: Receiver) -> None:
        receiver.answer = lambda request: Answer(body=b"x" * 1000, drip_seconds=0.05)
        assert Fetcher(allow_private=True, seconds=5).post(receiver.url, {}, b"hello").status == 200
        assert receiver.received[0].body == b"hello"

    def test_a_dead_port_fails(self) -> None:
        with pytest.raises(FetchFailed, match="could not be reached"):
            Fetcher(allow_private=True, seconds=5).get("http://127.0.0.1:9/")

    def test_an_answer_that_is_not_http_fails(self, receiver: Receiver) -> None:
        receiver.answer = lambda request: Answer(headers={"Content-Length": "nonsense"})
        with pytest.raises(FetchFailed, match="could not be reached"):
            Fetcher(allow_private=True, seconds=5).get(receiver.url)

    def test_tls_that_nobody_vouches_for_fails(self, receiver: Receiver) -> None:
        with pytest.raises(FetchFailed, match="could not be reached"):
            Fetcher(allow_private=True, seconds=5, tls=ssl.create_default_context()).get(
                receiver.url.replace("http://", "https://")
            )


def test_what_is_sent_is_what_was_given(receiver: Receiver) -> None:
    Fetcher(allow_private=True).post(receiver.url + "/hook?a=b", {"X-Mark": "1"}, b'{"a":1}')
    sent = receiver.received[0]
    assert (sent.method, sent.path, sent.body, sent.headers["x-mark"]) == ("POST", "/hook?a=b", b'{"a":1}', "1")
    assert sent.headers["content-length"] == "7"


class TestSaving:
    def test_a_body_goes_into_the_file(self, receiver: Receiver, tmp_path: Path) -> None:
        receiver.answer = lambda request: (
            Answer(body=b"weights" * 50_000)
            if request.path == "/there"
            else Answer(status=302, headers={"Location": "/there"}, body=b"over there")
        )
        answer = Fetcher(allow_private=True).save(f"{receiver.url}/here", tmp_path / "file")
        assert (answer.status, answer.body) == (200, b"")
        assert (tmp_path / "file").read_bytes() == b"weights" * 50_000

    def test_what_is_no_success_leaves_no_file(self, receiver: Receiver, tmp_path: Path) -> None:
        receiver.answer = lambda _: Answer(status=404, body=b"no such thing")
        assert Fetcher(allow_private=True).save(receiver.url, tmp_path / "file").status == 404
        assert not (tmp_path / "file").exists()

    def test_it_ends_at_the_limit(self, receiver: Receiver, tmp_path: Path) -> None:
        receiver.answer = lambda _: Answer(body=b"a" * 5000)
        with pytest.raises(FetchFailed, match="longer than 1000 bytes"):
            Fetcher(allow_private=True, max_bytes=1000).save(receiver.url, tmp_path / "file")

    def test_it_reaches_no_private_address(self, receiver: Receiver, tmp_path: Path) -> None:
        with pytest.raises(AddressRefused):
            Fetcher().save(receiver.url, tmp_path / "file")
        assert receiver.received == []
