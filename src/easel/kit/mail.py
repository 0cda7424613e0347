"""Mail to people: one letter at a time, through an SMTP server or, where there is none, to the log.

A letter is sent in the background: how long it takes tells nobody whether there was one to send. It is tried a few
times and not kept beyond that, so a letter may be lost; whoever waits for it asks for another one.
"""

import smtplib
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Final, Protocol, Self
from urllib.parse import unquote, urlsplit

import structlog

TIMEOUT: Final = 20.0
"""Seconds for each exchange with the server."""

MOST_WAITING: Final = 1000
"""Letters beyond this many are dropped, and said so in the log, rather than held in memory without end."""

PORTS: Final = {"smtp": 587, "smtps": 465, "smtp+plain": 25}

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Mail:
    to: str
    subject: str
    text: str
    link: str | None = None
    """What the letter is about, if it is one address; it stands in the text as well."""


class Mailer(Protocol):
    def send(self, mail: Mail) -> None:
        """Raises smtplib.SMTPException or OSError when the mail could not be handed over."""
        ...


class LogMailer:
    """For an installation without a mail server: whoever reads the log is its operator, and passes the link on."""

    def send(self, mail: Mail) -> None:
        log.warning("mail is not set up (EASEL_SMTP_URL), so this was not sent", subject=mail.subject, link=mail.link)


@dataclass(frozen=True, slots=True)
class SmtpMailer:
    host: str
    port: int
    scheme: str
    """smtps: TLS from the first byte; smtp: STARTTLS, and nothing is sent without it; smtp+plain: no encryption."""
    sender: str
    user: str = ""
    password: str = ""
    tls: ssl.SSLContext | None = None

    @classmethod
    def at(cls, url: str, sender: str, tls: ssl.SSLContext | None = None) -> Self:
        """From a URL like `smtp://user:password@mail.example.org:587`. Raises ValueError as `check_smtp_url`."""
        check_smtp_url(url)
        parts = urlsplit(url)
        return cls(
            host=parts.hostname or "",
            port=parts.port or PORTS[parts.scheme],
            scheme=parts.scheme,
            sender=sender,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            tls=tls,
        )

    def send(self, mail: Mail) -> None:
        with self._connect() as server:
            if self.scheme == "smtp":
                server.starttls(context=self._tls())
            if self.user:
                server.login(self.user, self.password)
            server.send_message(self._letter(mail))

    def _connect(self) -> smtplib.SMTP:
        if self.scheme == "smtps":
            return smtplib.SMTP_SSL(self.host, self.port, timeout=TIMEOUT, context=self._tls())
        return smtplib.SMTP(self.host, self.port, timeout=TIMEOUT)

    def _tls(self) -> ssl.SSLContext:
        return self.tls or ssl.create_default_context()

    def _letter(self, mail: Mail) -> EmailMessage:
        letter = EmailMessage()
        letter["From"], letter["To"], letter["Subject"] = self.sender, mail.to, mail.subject
        letter["Date"] = formatdate()
        letter["Message-ID"] = make_msgid(domain=self.sender.rpartition("@")[2].rstrip(">"))
        letter["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday answer comes back
        letter.set_content(mail.text)
        return letter


def check_smtp_url(url: str) -> None:
    """Raises ValueError with a sentence that does not quote the URL, which may hold a password."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("its host or port cannot be read; percent-encode special characters of a password") from None
    if parts.scheme not in PORTS or not host:
        raise ValueError(f"must look like smtp://user:password@mail.example.org, beginning with {', '.join(PORTS)}")


class Postman:
    """Writes and sends letters on threads of its own."""

    def __init__(self, mailer: Mailer, *, pauses: Sequence[float] = (2.0, 10.0)) -> None:
        """`pauses`: seconds before each further attempt."""
        self._mailer = mailer
        self._pauses = pauses
        self._threads = ThreadPoolExecutor(2, "mail")
        self._places = threading.BoundedSemaphore(MOST_WAITING)
        self._going: set[Future[None]] = set()

    def post(self, write: Callable[[], Mail | None]) -> None:
        """Call `write` and send what it answers, some time soon. What goes wrong is logged, without any address."""
        if not self._places.acquire(blocking=False):
            log.error("a mail was dropped", waiting=MOST_WAITING)
            return
        job = self._threads.submit(self._deliver, write)
        self._going.add(job)
        job.add_done_callback(self._done)

    def drain(self, seconds: float = 10.0) -> None:
        """Wait until all that was posted is sent or given up."""
        wait(list(self._going), timeout=seconds)

    def close(self) -> None:
        """Send what waits, but for a few seconds only."""
        self.drain(3.0)
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _deliver(self, write: Callable[[], Mail | None]) -> None:
        try:
            mail = write()
            if mail is not None:
                self._send(mail)
        except Exception as error:  # a thread has nobody else to tell
            log.error("a mail was not sent", error=type(error).__name__)

    def _send(self, mail: Mail) -> None:
        for pause in self._pauses:
            try:
                return self._mailer.send(mail)
            except (smtplib.SMTPException, OSError) as error:
                if _is_for_good(error):
                    raise
                log.warning("mail is tried again", error=type(error).__name__, seconds=pause)
                time.sleep(pause)
        self._mailer.send(mail)

    def _done(self, job: Future[None]) -> None:
        self._going.discard(job)
        self._places.release()


def _is_for_good(error: Exception) -> bool:
    """Whether the server has said that it will never take this (a reply of 500 and above, RFC 5321 section 4.2.1)."""
    match error:
        case smtplib.SMTPResponseException():
            return error.smtp_code >= 500
        case smtplib.SMTPRecipientsRefused():
            return all(code >= 500 for code, _ in error.recipients.values())
        case _:
            return isinstance(error, smtplib.SMTPNotSupportedError)
