"""A payment provider for tests and for trying things out: two of Stripe's routes, and a page with one button.

It charges nobody. Its events are signed as Stripe signs, so that whoever receives them runs the real code.
"""

import hashlib
import hmac
import html
import json
import time
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Self

from easel.kit.ids import new_token


def signature_of(body: bytes, secret: str, at: int | None = None) -> str:
    """The Stripe-Signature header (https://docs.stripe.com/webhooks#verify-manually)."""
    moment = int(time.time()) if at is None else at
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"


def event(type: str, about: dict[str, Any], *, id: str | None = None) -> bytes:
    """The body of an event about an object."""
    said = {"id": id or f"evt_{new_token(96)}", "object": "event", "type": type, "data": {"object": about}}
    return json.dumps(said | {"api_version": "2026-06-30", "created": int(time.time())}).encode()


@dataclass
class FakeStripe:
    """Listens on a local port while it is entered. `webhook_url` may be set later: the gateway comes up after it."""

    webhook_secret: str
    webhook_url: str = ""
    sessions: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    _server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        assert self._server, "enter it first"
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server
        self._server.shutdown()
        self._server.server_close()

    def create(self, asked: dict[str, str], idempotency_key: str) -> dict[str, Any]:
        for known in self.sessions.values():
            if idempotency_key and known["idempotency_key"] == idempotency_key:
                return known
        id = f"cs_test_{new_token(96)}"
        self.sessions[id] = {
            "id": id,
            "object": "checkout.session",
            "idempotency_key": idempotency_key,
            "client_reference_id": asked.get("client_reference_id"),
            "amount_total": int(asked["line_items[0][price_data][unit_amount]"]),
            "currency": asked["line_items[0][price_data][currency]"],
            "payment_status": "unpaid",
            "status": "open",
            "payment_intent": None,
            "success_url": asked["success_url"],
            "url": f"{self.url}/pay/{id}",
        }
        return self.sessions[id]

    def pay(self, id: str) -> str:
        """Pay a session and send the event; answers where the customer goes next."""
        session = self.sessions[id]
        session |= {"payment_status": "paid", "status": "complete", "payment_intent": f"pi_{id}"}
        self.send(event("checkout.session.completed", session))
        return str(session["success_url"])

    def send(self, body: bytes) -> int:
        """Deliver an event; answers the receiver's status."""
        headers = {"Content-Type": "application/json", "Stripe-Signature": signature_of(body, self.webhook_secret)}
        with urllib.request.urlopen(urllib.request.Request(self.webhook_url, body, headers), timeout=10) as answer:
            return int(answer.status)


def _handler(stripe: FakeStripe) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            if self.path == "/v1/checkout/sessions":
                asked = dict(urllib.parse.parse_qsl(body))
                self._json(stripe.create(asked, self.headers.get("Idempotency-Key", "")))
            elif self.path.startswith("/pay/"):
                self.send_response(303)
                self.send_header("Location", stripe.pay(self.path.removeprefix("/pay/")))
                self.end_headers()
            else:
                self.send_error(404)

        def do_GET(self) -> None:
            session = stripe.sessions.get(self.path.removeprefix("/pay/"))
            if session is None:
                return self.send_error(404)
            amount = f"{session['amount_total'] / 100:.2f} {html.escape(session['currency'].upper())}"
            head = "<!doctype html><title>Test payment</title><link rel=icon href=data:,>"
            page = f"{head}<form method=post><button>Pay {amount}</button></form>"
            self._send("text/html; charset=utf-8", page.encode())

        def log_message(self, format: str, *arguments: Any) -> None:
            return  # a test's output is the test's

        def _json(self, said: dict[str, Any]) -> None:
            self._send("application/json", json.dumps(said).encode())

        def _send(self, media_type: str, data: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    return Handler
