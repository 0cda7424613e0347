"""Letters, handed to a real SMTP server on this machine."""

import ipaddress
import smtplib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import structlog
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from easel.kit.mail import LogMailer, Mail, Postman, SmtpMailer, check_smtp_url

SENDER = "Easel <easel@home.test>"
LINK = "https://home.test/reset?token=" + "x" * 43
MAIL = Mail("ann@example.org", "Choose a new password", f"Here:\n\n{LINK}\n", LINK)

# aiosmtpd asks for an interface of OpenSSL that is on its way out; that it does is not ours to mend.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@dataclass
class Office:
    """What the server was given, and what it says to the next ones."""

    letters: list[EmailMessage] = field(default_factory=list[EmailMessage])
    logins: list[tuple[bytes, bytes]] = field(default_factory=list[tuple[bytes, bytes]])
    encrypted: list[bool] = field(default_factory=list[bool])
    replies: list[str] = field(default_factory=list[str])

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        if self.replies:
            return self.replies.pop(0)
        self.encrypted.append(session.ssl is not None)
        assert isinstance(envelope.content, bytes)
        self.letters.append(message_from_bytes(envelope.content, policy=policy.default))  # pyright: ignore
        return "250 OK"

    def admit(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"p@ss word")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "certificate.pem", folder / "key.pem"


@pytest.fixture
def trusting(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certificate[0])


@pytest.fixture
def server_tls(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.fixture
def opened(office: Office) -> Iterator[Callable[..., str]]:
    """Open a server; answers where it is."""
    controllers: list[Controller] = []

    def opened(**options: Any) -> str:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        controller = Controller(
            office, hostname="127.0.0.1", port=port, authenticator=office.admit, auth_require_tls=False, **options
        )
        controller.start()
        controllers.append(controller)
        return f"127.0.0.1:{port}"

    yield opened
    for controller in controllers:
        controller.stop()


def test_a_letter_arrives_as_it_was_written(opened: Callable[..., str], office: Office) -> None:
    SmtpMailer.at(f"smtp+plain://{opened()}", SENDER).send(MAIL)
    [letter] = office.letters
    assert (letter["From"], letter["To"], letter["Subject"]) == (SENDER, MAIL.to, MAIL.subject)
    assert letter["Message-ID"].endswith("@home.test>")
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter.get_content().replace("\r\n", "\n") == MAIL.text
    assert office.logins == []


def test_starttls_and_a_password(
    opened: Callable[..., str], office: Office, trusting: ssl.SSLContext, server_tls: ssl.SSLContext
) -> None:
    url = f"smtp://ann%40home:p%40ss%20word@{opened(tls_context=server_tls)}"
    SmtpMailer.at(url, SENDER, trusting).send(MAIL)
    assert (len(office.letters), office.encrypted, office.logins) == (1, [True], [(b"ann@home", b"p@ss word")])


def test_tls_from_the_first_byte(
    opened: Callable[..., str], office: Office, trusting: ssl.SSLContext, server_tls: ssl.SSLContext
) -> None:
    SmtpMailer.at(f"smtps://{opened(ssl_context=server_tls)}", SENDER, trusting).send(MAIL)
    assert len(office.letters) == 1  # the server speaks nothing else


def test_nothing_is_sent_in_the_open_unless_that_is_asked_for(opened: Callable[..., str], office: Office) -> None:
    with pytest.raises(smtplib.SMTPNotSupportedError):
        SmtpMailer.at(f"smtp://ann:secret@{opened()}", SENDER).send(MAIL)
    assert (office.letters, office.logins) == ([], [])


def test_nothing_is_sent_to_a_server_that_cannot_prove_its_name(
    opened: Callable[..., str], office: Office, server_tls: ssl.SSLContext
) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        SmtpMailer.at(f"smtp://ann:secret@{opened(tls_context=server_tls)}", SENDER).send(MAIL)
    assert (office.letters, office.logins) == ([], [])


def test_a_line_break_in_a_header_is_refused(opened: Callable[..., str], office: Office) -> None:
    with pytest.raises(ValueError, match="linefeed"):
        SmtpMailer.at(f"smtp+plain://{opened()}", SENDER).send(Mail("ann@b.c\nBcc: all@b.c", "x", "x"))
    assert office.letters == []


@pytest.mark.parametrize(
    "url",
    ["", "post.example.net", "http://a:hunter2@b.c", "smtp://", "smtp://a:hunter2@b:port", "smtp://[::1", "smtps:///x"],
)
def test_what_is_no_address_of_a_mail_server_is_refused_without_quoting_it(url: str) -> None:
    with pytest.raises(ValueError, match=r"must look like|cannot be read") as refused:
        check_smtp_url(url)
    assert "hunter2" not in str(refused.value)


class TestPostman:
    def test_letters_are_sent_in_the_background(self, opened: Callable[..., str], office: Office) -> None:
        postman = Postman(SmtpMailer.at(f"smtp+plain://{opened()}", SENDER))
        go = threading.Event()

        def write() -> Mail:
            assert go.wait(10)
            return MAIL

        postman.post(write)  # does not wait for it
        go.set()
        postman.drain()
        postman.close()
        assert len(office.letters) == 1

    def test_nothing_to_say_is_nothing_sent(self, opened: Callable[..., str], office: Office) -> None:
        postman = Postman(SmtpMailer.at(f"smtp+plain://{opened()}", SENDER))
        postman.post(lambda: None)
        postman.close()
        assert office.letters == []

    def test_a_server_that_is_busy_is_asked_again(self, opened: Callable[..., str], office: Office) -> None:
        office.replies = ["451 Try later", "450 Try later"]
        postman = Postman(SmtpMailer.at(f"smtp+plain://{opened()}", SENDER), pauses=(0.0, 0.0))
        postman.post(lambda: MAIL)
        postman.drain()
        postman.close()
        assert len(office.letters) == 1

    def test_a_server_that_says_no_is_not_asked_again(
        self, opened: Callable[..., str], office: Office, log: list[dict[str, Any]]
    ) -> None:
        office.replies = ["550 Never", "250 OK"]
        postman = Postman(SmtpMailer.at(f"smtp+plain://{opened()}", SENDER), pauses=(0.0, 0.0))
        postman.post(lambda: MAIL)
        postman.drain()
        postman.close()
        assert office.replies == ["250 OK"]
        assert log == [{"event": "a mail was not sent", "error": "SMTPDataError", "log_level": "error"}]

    def test_it_gives_up_in_the_end_and_goes_on_with_the_next(self, log: list[dict[str, Any]]) -> None:
        sent: list[Mail] = []

        class Broken:
            def send(self, mail: Mail) -> None:
                if mail is MAIL:
                    raise ConnectionRefusedError
                sent.append(mail)

        postman = Postman(Broken(), pauses=(0.0, 0.0))
        for mail in (MAIL, Mail("bob@example.org", "x", "x")):
            postman.post(lambda mail=mail: mail)
        postman.drain()
        postman.close()
        assert [mail.to for mail in sent] == ["bob@example.org"]
        assert [line["event"] for line in log] == ["mail is tried again"] * 2 + ["a mail was not sent"]
        assert not [line for line in log if MAIL.to in str(line) or LINK in str(line)]

    def test_what_goes_wrong_while_writing_ends_no_thread(self, log: list[dict[str, Any]]) -> None:
        def broken() -> Mail:
            raise ZeroDivisionError

        postman = Postman(LogMailer())
        for _ in range(5):
            postman.post(broken)
        postman.post(lambda: MAIL)
        postman.drain()
        postman.close()
        assert [line["event"] for line in log].count("a mail was not sent") == 5
        assert log[-1]["link"] == LINK


def test_without_a_mail_server_the_operator_finds_the_link_in_the_log(log: list[dict[str, Any]]) -> None:
    LogMailer().send(MAIL)
    assert log[0]["link"] == LINK
    assert log[0]["log_level"] == "warning"


@pytest.fixture
def log() -> Iterator[list[dict[str, Any]]]:
    with structlog.testing.capture_logs() as lines:
        yield lines  # pyright: ignore[reportReturnType]
