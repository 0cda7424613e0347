"""Submissions a second and how long one takes, and claims a second from a long queue.

    python -m benchmarks.load [--clients 1 16 64] [--seconds 15] [--gateways 2] [--backlog 100000] [--workers 0]

Everything is real and on this machine: PostgreSQL with its durability as shipped, gateway processes, HTTP over the
loopback, an account with money behind every request. Clients are coroutines of one more process; each sends the next
submit when the last one is answered, and does not wait for the picture. Every accepted request is looked up in the
database afterwards, and the books are audited. Workers, if any, draw test cards.
"""

import argparse
import asyncio
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from itertools import cycle
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import text

from benchmarks.record import save
from easel.accounts.keys import create_key
from easel.accounts.queries import create_account
from easel.billing import ledger
from easel.billing.audit import audit as audit_money
from easel.catalogue.queries import mark_installed
from easel.catalogue.seed import seed_catalogue
from easel.db.embedded import EmbeddedServer
from easel.db.migrate import migrate
from easel.db.session import Database
from easel.domain.money import Micros
from easel.generations.audit import audit as audit_orders
from easel.jobs import queue
from easel.jobs.shares import places_by_age
from easel.kit.clock import SystemClock

CLOCK = SystemClock()
SECRET = "benchmark secret " * 3
PATH = "/api/v6/images/text2img"
WARM_UP_SECONDS = 3.0


@dataclass
class House:
    """A database with accounts and gateways on it."""

    url: str
    port: int
    keys: list[str]
    processes: list[subprocess.Popen[bytes]]
    postgres: Path
    source: Path | None = None
    """The src folder of the version that runs; None is the one that is installed."""

    @property
    def environment(self) -> dict[str, str]:
        return (
            os.environ
            | ({"PYTHONPATH": str(self.source)} if self.source else {})
            | {
                "EASEL_DATABASE_URL": self.url,
                "EASEL_SECRET": SECRET,
                "EASEL_PORT": str(self.port),
                "EASEL_LOG_LEVEL": "WARNING",
            }
        )


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--clients", type=int, nargs="*", default=[1, 16, 64])
    arguments.add_argument("--seconds", type=float, default=15.0)
    arguments.add_argument("--gateways", type=int, default=2)
    arguments.add_argument("--accounts", type=int, default=6000)
    arguments.add_argument("--workers", type=int, default=0)
    arguments.add_argument("--backlog", type=int, default=100_000)
    arguments.add_argument("--not-saved", action="store_true", help="only print the result")
    asked = arguments.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="easel-load-"))
    server = EmbeddedServer(folder / "postgres")
    try:
        url = server.url()
        result: dict[str, Any] = {"options": vars(asked)}
        house = House(url, free_port(), furnish(url, asked.accounts), [], folder / "postgres")
        try:
            start(house, folder, asked.gateways, asked.workers)
            keys = cycle(house.keys)
            asyncio.run(load(house, keys, 4, WARM_UP_SECONDS))
            result["submit"] = [asyncio.run(load(house, keys, count, asked.seconds)) for count in asked.clients]
        finally:
            for process in house.processes:
                process.terminate()
            for process in house.processes:
                process.wait(30)
        result["accounted_for"] = check(url, sum(run["accepted"] for run in result["submit"]))
        if asked.backlog:
            result["claim"] = [claims(url, asked.backlog, limit) for limit in (16, 1)]
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(result, indent=2))
    if not asked.not_saved:
        print("written to", save("load", result))


def furnish(url: str, accounts: int) -> list[str]:
    """A migrated database with so many accounts, each with a key and money; answers the keys."""
    database = Database(url)
    migrate(database)
    keys: list[str] = []
    with database.transaction() as session:
        seed_catalogue(session)
        mark_installed(session, "easel-starter", "package:easel-starter")
        for number in range(accounts):
            account = create_account(session, CLOCK, f"account {number} of many", plan="pay-as-you-go")
            keys.append(create_key(session, CLOCK, account.id, "load")[1])
            ledger.credit(session, CLOCK, account.id, Micros(1_000_000), key=f"load {number}")
    with database.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text("VACUUM ANALYZE"))
    database.close()
    return keys


def start(house: House, folder: Path, gateways: int, workers: int) -> None:
    environment = house.environment | {"EASEL_DATA": str(folder), "EASEL_GATEWAYS": str(gateways)}
    commands = [["gateway"]] * gateways + [["worker", "--fake", "--fake-step-seconds", "0"]] * workers
    house.processes = [
        subprocess.Popen([sys.executable, "-m", "easel", *command], env=environment) for command in commands
    ]
    deadline = time.monotonic() + 60
    answered = 0
    while answered < 4 * gateways:  # the system spreads connections over the processes
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{house.port}/readyz", timeout=5):
                answered += 1
        except OSError:
            if time.monotonic() > deadline:
                raise
            answered = 0
            time.sleep(0.2)


async def load(house: House, keys: Any, clients: int, seconds: float) -> dict[str, Any]:
    latencies: list[float] = []
    refused: dict[str, int] = {}
    until = time.perf_counter() + seconds

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
        while time.perf_counter() < until:
            started = time.perf_counter()
            writer.write(request(next(keys)))
            status, body = await answer(reader)
            if status == 200 and b'"processing"' in body:
                latencies.append(time.perf_counter() - started)
            else:
                said = f"{status} {body[:100].decode(errors='replace')}"
                refused[said] = refused.get(said, 0) + 1
        writer.close()

    began, before = time.perf_counter(), cpu_seconds(house)
    await asyncio.gather(*(client() for _ in range(clients)))
    took, after = time.perf_counter() - began, cpu_seconds(house)
    if not latencies:
        raise SystemExit(f"nothing was accepted: {refused}")
    ordered = sorted(latencies)
    return {
        "clients": clients,
        "accepted": len(latencies),
        "accepted_per_second": round(len(latencies) / took, 1),
        "milliseconds": {
            "p50": round(1000 * statistics.median(ordered), 2),
            "p90": round(1000 * ordered[int(0.90 * (len(ordered) - 1))], 2),
            "p99": round(1000 * ordered[int(0.99 * (len(ordered) - 1))], 2),
            "max": round(1000 * ordered[-1], 2),
        },
        "cpu_milliseconds_each": {who: round(1000 * (after[who] - before[who]) / len(latencies), 2) for who in before},
        "refused": refused,
    }


def cpu_seconds(house: House) -> dict[str, float]:
    """Processor time so far, user and system, of each part."""

    def of(process: psutil.Process, with_ended: bool = False) -> float:
        """With that of its children that have ended, or without it."""
        try:
            return sum(process.cpu_times()[: 4 if with_ended else 2])
        except psutil.NoSuchProcess:
            return 0.0

    postmaster = psutil.Process(int((house.postgres / "postmaster.pid").read_text().split()[0]))
    return {
        "processes": sum(of(psutil.Process(process.pid)) for process in house.processes),
        "postgresql": of(postmaster, with_ended=True) + sum(of(backend) for backend in postmaster.children()),
        "clients": of(psutil.Process()),
    }


def request(key: str) -> bytes:
    asked = {"prompt": "a red star", "model_id": "easel-starter", "instant_response": "yes", "num_inference_steps": 2}
    body = json.dumps({**asked, "key": key, "width": 128, "height": 128}).encode()
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: easel\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return int(head[9:12]), await reader.readexactly(length)


def check(url: str, accepted: int) -> dict[str, Any]:
    """Every accepted request is in the database, and every invariant holds."""
    database = Database(url)
    with database.transaction() as session:
        stored = session.execute(text("SELECT count(*) FROM generations")).scalar_one()
        faults = audit_money(session) + audit_orders(session)
    database.close()
    if stored < accepted or faults:
        raise SystemExit(f"{accepted} were accepted and {stored} are stored; {faults[:5]}")
    return {"stored_with_warm_up": stored, "audit": "sound"}


def claims(url: str, backlog: int, limit: int) -> dict[str, Any]:
    """Two processes claim from a long queue until they have had a fifth of it, or for half a minute."""
    database = Database(url)
    with database.transaction() as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))  # no trigger while it is filled
        session.execute(text("TRUNCATE jobs, job_events CASCADE"))
        session.execute(
            text("""
                INSERT INTO jobs (kind, subject_id, account_id, model_id, state, priority, virtual_start, attempts,
                    max_attempts, available_at, cancel_requested, created_at)
                SELECT 'generate', n, (SELECT min(id) FROM accounts) + n % 1000, 'm' || n % 7, 'queued', n % 2, n, 0, 3,
                    now(), false, now() - interval '1 second' * (n % 60)
                FROM generate_series(1, :backlog) AS n
            """),
            {"backlog": backlog},
        )
    with database.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text("VACUUM ANALYZE jobs"))
    database.close()
    began = time.perf_counter()
    with ProcessPoolExecutor(2) as pool:
        mine = [pool.submit(claim_for, url, f"claimer {number}", backlog // 10, limit) for number in range(2)]
        counts, times = zip(*(one.result() for one in mine), strict=True)
    took = time.perf_counter() - began
    each = sorted(seconds for some in times for seconds in some)
    return {
        "backlog": backlog,
        "processes": 2,
        "claimed_at_once": limit,
        "claims_per_second": round(sum(counts) / took, 1),
        "transaction_milliseconds": {
            "p50": round(1000 * statistics.median(each), 2),
            "p99": round(1000 * each[int(0.99 * (len(each) - 1))], 2),
        },
    }


def claim_for(url: str, worker: str, jobs: int, limit: int) -> tuple[int, list[float]]:
    database = Database(url, pool_size=1)
    claimed, times, offered = 0, [], 0
    until = time.perf_counter() + 15
    while claimed < jobs and time.perf_counter() < until:
        started = time.perf_counter()
        with database.transaction() as session:
            claimed += len(
                queue.claim(
                    session,
                    CLOCK,
                    worker,
                    kind="generate",
                    resident=["m3"],
                    limit=limit,
                    by_age=places_by_age(offered, limit),
                    idle=True,
                    lease=timedelta(minutes=10),
                )
            )
        offered += limit
        times.append(time.perf_counter() - started)
    database.close()
    return claimed, times


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    main()
