"""A webhook through real processes: asked for at submit, received by a real HTTP server, signed."""

import json
import queue
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook

from easel.accounts.queries import find_account
from easel.accounts.tables import Role
from easel.db.session import Database
from easel.webhooks.deliver import account_secret


def test_a_finished_picture_is_told_once_signed_and_with_the_customers_own_name(
    start_server: Callable[..., Any], data_folder: Path
) -> None:
    received: queue.Queue[tuple[dict[str, str], str]] = queue.Queue()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            received.put(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with HTTPServer(("127.0.0.1", 0), Receiver) as receiver:
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        server = start_server(data_folder, "--fake", EASEL_ALLOW_PRIVATE_URLS="true")
        answer = server.draw("x", webhook=f"http://127.0.0.1:{receiver.server_port}/told", track_id="order-7")
        headers, body = received.get(timeout=30)
        receiver.shutdown()
    told = json.loads(body)
    assert (told["status"], told["id"], told["track_id"]) == ("success", answer["id"], "order-7")
    assert told["output"] == answer["output"]
    assert received.empty()
    secret = account_secret((data_folder / "secret").read_text(), owner_of(server))
    assert Webhook(secret).verify(body, headers) == told


def owner_of(server: Any) -> int:
    database = Database(server.database_url())
    try:
        with database.transaction() as session:
            owner = find_account(session, "1")
            assert owner.role == Role.OWNER
            return owner.id
    finally:
        database.close()
