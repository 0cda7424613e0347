"""TLS: the connection goes to the address that was checked, the certificate must be for the name that was asked for."""

import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from easel.kit.fetch import Fetcher, FetchFailed

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make a certificate")


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


class Server(HTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that does not like the certificate hangs up; that is what two of the tests are about."""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for hook.example, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    name = ["-subj", "/CN=hook.example", "-addext", "subjectAltName=DNS:hook.example"]
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-keyout",
            key,
            "-out",
            certificate,
            *name,
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key


@pytest.fixture
def port(certificate: tuple[Path, Path]) -> Iterator[int]:
    server = Server(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def fetcher(certificate: tuple[Path, Path]) -> Fetcher:
    """Trusts that certificate; every name leads to this machine."""
    trust = ssl.create_default_context(cafile=certificate[0])
    return Fetcher(allow_private=True, tls=trust, resolver=lambda host, port: ["127.0.0.1"])


def test_the_certificate_is_checked_against_the_name_and_not_the_address(fetcher: Fetcher, port: int) -> None:
    assert fetcher.get(f"https://hook.example:{port}/").status == 204


@pytest.mark.parametrize("host", ["other.example", "127.0.0.1"])
def test_a_certificate_for_another_name_is_not_accepted(fetcher: Fetcher, port: int, host: str) -> None:
    with pytest.raises(FetchFailed, match="could not be reached") as failure:
        fetcher.get(f"https://{host}:{port}/")
    assert "CERTIFICATE_VERIFY_FAILED" in str(failure.value.__cause__)
