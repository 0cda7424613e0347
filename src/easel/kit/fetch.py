"""HTTP to addresses that strangers have given: the one fetcher for webhooks, pictures and models by URL.

A URL from outside may lead inside: to this machine, its network or a cloud's metadata service. So a name is resolved
once, every address that it resolves to must be a public one, and the connection goes to exactly the address that was
checked; a second look-up, which could answer differently, never happens. Redirects pass the same gate. Time and bytes
are capped as a whole, so that a slow or endless answer ends as well.

The gate stands where connections are opened, below HTTP: whatever the URL looked like, nothing else can be reached.
"""

import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urljoin, urlsplit

import httpcore2

URL_LIMIT = 2_000
REDIRECTS = {301, 302, 303, 307, 308}
NAT64 = ipaddress.ip_network("64:ff9b::/96")

Resolver = Callable[[str, int], Iterable[str]]
Take = Callable[[httpcore2.Response], bytes]
"""What is done with the body of an answer to GET; answers what of it is to be handed on."""


class FetchError(Exception):
    """The base of what goes wrong here; a message is a sentence without secrets."""


class BadUrl(FetchError):
    """The URL is not one that is ever fetched."""


class AddressRefused(FetchError):
    """The name leads to an address that strangers may not make us reach."""


class FetchFailed(FetchError):
    """The other side could not be reached, took too long or answered too much."""


@dataclass(frozen=True, slots=True)
class Fetched:
    status: int
    headers: Mapping[str, str]
    """Names in lower case; of repeated ones the last."""
    body: bytes
    url: str
    """Where the answer came from, after redirects."""


def resolve(host: str, port: int) -> Iterable[str]:
    """Addresses of `host`. The system reads odd spellings (decimal, octal, short forms) as it would to connect.

    How long the system's resolver may take is the system's to say; the caller's deadline is checked after it.
    """
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class Fetcher:
    """Fetches from public addresses only, unless `allow_private`. Holds no connection between calls; any thread may."""

    def __init__(
        self,
        *,
        allow_private: bool = False,
        seconds: float = 10.0,
        max_bytes: int = 1 << 20,
        resolver: Resolver = resolve,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._allow_private = allow_private
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._resolver = resolver
        self._tls = tls or httpcore2.default_ssl_context()

    def get(self, url: str, headers: Mapping[str, str] | None = None, *, redirects: int = 3) -> Fetched:
        """Raises BadUrl, AddressRefused or FetchFailed. An answer of any status is an answer."""
        return self._follow(url, headers or {}, redirects, self._read)

    def save(self, url: str, path: Path, *, redirects: int = 3) -> Fetched:
        """As `get`, but that the body of an answer of status 200 goes into the file, piece by piece."""
        return self._follow(url, {}, redirects, partial(self._write, path))

    def _follow(self, url: str, headers: Mapping[str, str], redirects: int, take: Take) -> Fetched:
        deadline = time.monotonic() + self._seconds
        for _ in range(redirects + 1):
            answer = self._exchange("GET", url, headers, b"", deadline, take)
            if answer.status not in REDIRECTS or "location" not in answer.headers:
                return answer
            url = urljoin(url, answer.headers["location"])
        raise FetchFailed(f"the address redirects more than {redirects} times")

    def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Fetched:
        """Raises as `get`. A redirect is an answer like any other: a body is never sent on to somewhere else.

        Of the answer only status and headers are read, so a receiver that never stops talking costs nothing.
        """
        return self._exchange("POST", url, headers, body, time.monotonic() + self._seconds, lambda _: b"")

    def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, deadline: float, take: Take
    ) -> Fetched:
        check_url_syntax(url)
        gate = _Gate(self._resolver, allow_private=self._allow_private, deadline=deadline)
        sent = {"Host": _host_header(url), "Accept-Encoding": "identity", "Connection": "close", **headers}
        # One pool an exchange: a kept connection could serve another name that has the same address.
        with httpcore2.ConnectionPool(network_backend=gate, ssl_context=self._tls) as pool:
            try:
                with pool.stream(method, url, headers=list(sent.items()), content=body) as response:
                    return Fetched(response.status, _plain(response.headers), take(response), url)
            except (httpcore2.TimeoutException, TimeoutError):
                raise FetchFailed(f"the address did not answer within {self._seconds:g} seconds") from None
            except (httpcore2.NetworkError, httpcore2.ProtocolError, OSError) as error:
                raise FetchFailed(f"the address could not be reached ({type(error).__name__})") from error

    def _read(self, response: httpcore2.Response) -> bytes:
        body = bytearray()
        for chunk in self._pieces(response):
            body += chunk
        return bytes(body)

    def _write(self, path: Path, response: httpcore2.Response) -> bytes:
        if response.status == HTTPStatus.OK:
            with path.open("wb") as file:
                for chunk in self._pieces(response):
                    _put(file, chunk)
        return b""

    def _pieces(self, response: httpcore2.Response) -> Iterator[bytes]:
        length = 0
        for chunk in response.iter_stream():
            length += len(chunk)
            if length > self._max_bytes:
                raise FetchFailed(f"the answer is longer than {self._max_bytes} bytes")
            yield chunk


def check_url_syntax(url: str) -> None:
    """Raises BadUrl for what is no plain http or https address. Does not look at where it leads."""
    if len(url) > URL_LIMIT:
        raise BadUrl(f"it is longer than {URL_LIMIT} characters")
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise BadUrl("it may hold printable ASCII characters without spaces only; percent-encode others")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise BadUrl("its host or port cannot be read") from None
    if parts.scheme not in ("http", "https"):
        raise BadUrl("it must begin with http:// or https://")
    if "@" in parts.netloc:
        raise BadUrl("it must not hold a user name or password")
    if not host:
        raise BadUrl("it names no host")


def check_literal_address(url: str) -> None:
    """Raises AddressRefused for a URL that is seen to lead inside without any name being looked up.

    Every other name is judged by the gate when it is fetched. A spelling is a number when the system reads it as one.
    """
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        raise _leads_inside(host)
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return
    if not all(is_public(str(one[4][0])) for one in found):
        raise _leads_inside(host)


def is_public(address: str) -> bool:
    """Whether anybody on the internet could reach `address`; an IPv4 address inside an IPv6 one is judged itself."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo and ip.teredo[1])
        if inner is None and ip in NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner:
            return is_public(str(inner))
        if ip.is_site_local:  # out of use, and yet some networks route it
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


class _Gate(httpcore2.NetworkBackend):
    """Opens connections to approved addresses, and lets none of their operations outlive the deadline."""

    def __init__(self, resolver: Resolver, *, allow_private: bool, deadline: float) -> None:
        self._resolver = resolver
        self._allow_private = allow_private
        self._deadline = deadline
        self._network = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        addresses = self._approved(host, port)
        for address in addresses[:-1]:
            try:
                return self._connect(address, port)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        return self._connect(addresses[-1], port)

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore2.NetworkStream:
        raise AddressRefused("sockets of this machine are not fetched from")

    def _connect(self, address: str, port: int) -> httpcore2.NetworkStream:
        return _Stream(self._network.connect_tcp(address, port, timeout=_left(self._deadline)), self._deadline)

    def _approved(self, host: str, port: int) -> list[str]:
        try:
            addresses = list(dict.fromkeys(self._resolver(host, port)))
        except (OSError, UnicodeError):
            addresses = []
        if not addresses:
            raise FetchFailed(f"the name {host} has no address")
        # One bad address among good ones refuses all: a name that mixes them is not an honest mistake.
        if not self._allow_private and not all(map(is_public, addresses)):
            raise _leads_inside(host)
        return addresses


class _Stream(httpcore2.NetworkStream):
    """A connection whose every operation ends by the deadline, however slowly the other side drips."""

    def __init__(self, stream: httpcore2.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(self._deadline))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, _left(self._deadline)), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _put(file: BinaryIO, chunk: bytes) -> None:
    """A full disk is no fault of the network's."""
    try:
        file.write(chunk)
    except OSError as error:
        raise FetchFailed(f"what was fetched could not be written ({error.strerror})") from error


def _leads_inside(host: str) -> AddressRefused:
    return AddressRefused(f"{host} leads to a private or local address")


def _left(deadline: float) -> float:
    """Seconds until `deadline`. Raises TimeoutError when it is over; a timeout of zero would mean "do not wait"."""
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds


def _host_header(url: str) -> str:
    return urlsplit(url).netloc


def _plain(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}
