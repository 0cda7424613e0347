"""What each dialect costs: answers a second, how long one takes, and what that is beside the core that all share.

    python -m benchmarks.wire [--clients 1 16] [--seconds 10] [--accounts 6000]

One gateway process, PostgreSQL with its durability as shipped, HTTP over the loopback, an account with money behind
every request. Clients are coroutines of this process; each sends its next request when the last one is answered.

The core is reached in this process, without HTTP and without a dialect: the gateway's own `as_key` and `submit`, and
its own waiting. It is one client's. What a dialect adds is its p50 less the core's, with one client each.

Without a worker: orders that are answered at once, so that nothing but the order is measured.
With a worker that draws test cards: dialects that answer with the picture, which takes its own time. `beyond_picture`
is an answer's latency less what its job had from the queue to its end, by the database's clock; of it, too, a dialect
adds what it takes more than the core, which waits for its pictures in the same way. Fetching finds pictures done.

Processor time is that of the gateway and of PostgreSQL; the worker's is nobody's. Every order is in the database
afterwards, and the books are audited.
"""

import argparse
import asyncio
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from benchmarks.load import CLOCK, SECRET, House, check, cpu_seconds, free_port, furnish, start
from benchmarks.record import save
from easel.accounts.tables import ApiKey, Scope
from easel.artifacts.blobs import BlobStore
from easel.artifacts.links import LinkSigner
from easel.db.embedded import EmbeddedServer
from easel.db.listener import NotificationHub
from easel.db.session import Database
from easel.domain.request import GenerationDraft
from easel.gateway.auth import as_key
from easel.gateway.services import Services
from easel.gateway.waiting import wait_until_finished
from easel.generations.queries import GenerationView, get_view
from easel.generations.submit import submit

GOAL_MILLISECONDS = 2.0
"""What a dialect may add to the core."""

WARM_UP_SECONDS = 1.0
PATIENCE_SECONDS = 60.0
MODEL, PROMPT, SIDE, STEPS = "easel-starter", "a red star", 128, 2

ORDER, WAIT, LOOK = "order", "order and wait", "look"
"""What the core does."""


@dataclass(frozen=True, slots=True)
class Client:
    account_id: int
    key: str
    done: int = 0
    """A generation of the account whose picture is there."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """One kind of request, and by what its answer is known to be the right one."""

    name: str
    core: str
    path: str
    body: Callable[[Client], Mapping[str, Any]]
    answered: bytes

    def request(self, client: Client) -> bytes:
        body = json.dumps(self.body(client)).encode()
        head = (
            f"POST {self.path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {client.key}\r\n"
            "Accept: application/json, text/event-stream\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


def modelslab(client: Client) -> Mapping[str, Any]:
    return {
        "key": client.key,
        "model_id": MODEL,
        "prompt": PROMPT,
        "width": SIDE,
        "height": SIDE,
        "num_inference_steps": STEPS,
    }


def instant(client: Client) -> Mapping[str, Any]:
    return {**modelslab(client), "instant_response": "yes"}


def fetched(client: Client) -> Mapping[str, Any]:
    return {"key": client.key, "request_id": client.done}


def openai(_: Client) -> Mapping[str, Any]:
    return {"model": MODEL, "prompt": PROMPT, "size": f"{SIDE}x{SIDE}", "quality": "low"}


def automatic1111(_: Client) -> Mapping[str, Any]:
    return {"prompt": PROMPT, "width": SIDE, "height": SIDE, "steps": STEPS}


def mcp(wait: float) -> Callable[[Client], Mapping[str, Any]]:
    arguments = {
        "model_id": MODEL,
        "prompt": PROMPT,
        "width": SIDE,
        "height": SIDE,
        "num_inference_steps": STEPS,
        "wait": wait,
    }
    called = {"name": "text_to_image", "arguments": arguments}
    return lambda _: {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": called}


TEXT2IMG, FETCH = "/api/v6/images/text2img", "/api/v6/images/fetch"
WITH_PICTURE = (
    Dialect("ModelsLab text2img", WAIT, TEXT2IMG, modelslab, b'"success"'),
    Dialect("OpenAI generations", WAIT, "/v1/images/generations", openai, b'"b64_json"'),
    Dialect("AUTOMATIC1111 txt2img", WAIT, "/sdapi/v1/txt2img", automatic1111, b'"images"'),
    Dialect("MCP text_to_image", WAIT, "/mcp", mcp(PATIENCE_SECONDS), b'"isError":false'),
)
OF_PICTURES = (Dialect("ModelsLab fetch", LOOK, FETCH, fetched, b'"success"'),)
AT_ONCE = (
    Dialect("ModelsLab text2img, answered at once", ORDER, TEXT2IMG, instant, b'"processing"'),
    Dialect("MCP text_to_image, answered at once", ORDER, "/mcp", mcp(0), b'"isError":false'),
)


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer."""

    account_id: int
    began: float
    seconds: float


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--clients", type=int, nargs="*", default=[1, 16])
    arguments.add_argument("--seconds", type=float, default=10.0)
    arguments.add_argument("--accounts", type=int, default=6000)
    arguments.add_argument("--not-saved", action="store_true", help="only print the result")
    asked = arguments.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="easel-wire-"))
    server = EmbeddedServer(folder / "postgres")
    try:
        url = server.url()
        house = House(url, free_port(), furnish(url, asked.accounts), [], folder / "postgres")
        try:
            start(house, folder, gateways=1, workers=0)
            runs = asyncio.run(all_runs(house, folder, asked.clients, asked.seconds))
        finally:
            for process in house.processes:
                process.terminate()
            for process in house.processes:
                process.wait(30)
        result = {"options": vars(asked), "goal_milliseconds": GOAL_MILLISECONDS, "runs": runs}
        result["accounted_for"] = check(url, sum(run["answered"] for run in runs if run["core"] != LOOK))
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(result, indent=2))
    if not asked.not_saved:
        print("written to", save("wire", result))


async def all_runs(house: House, folder: Path, counts: Sequence[int], seconds: float) -> list[dict[str, Any]]:
    database = Database(house.url)
    services = Services(
        database=database,
        clock=CLOCK,
        blobs=BlobStore(folder / "files"),
        links=LinkSigner(SECRET),
        hub=NotificationHub(house.url),
        public_url=None,
        wait_seconds=PATIENCE_SECONDS,
        default_model=MODEL,
        secret=SECRET,
    )
    await services.hub.start()
    clients = clients_of(database, house.keys)
    runs: list[dict[str, Any]] = []

    async def compare(core: str, dialects: Sequence[Dialect], clients: Sequence[Client]) -> None:
        turn = cycle(clients)
        runs.append(await run_of(house, database, core, 1, seconds, turn, in_core(services, core)))
        for dialect in dialects:
            for count in counts:
                runs.append(await run_of(house, database, core, count, seconds, turn, over_http(house, dialect)))
                held_against(runs[-1], dialect.name, next(run for run in runs if run["core"] == core))

    try:
        worker = start_worker(house, folder)
        try:
            await compare(WAIT, WITH_PICTURE, clients)
            await compare(LOOK, OF_PICTURES, with_pictures(database, clients))
        finally:
            worker.terminate()
            worker.wait(30)
        await compare(ORDER, AT_ONCE, clients)
    finally:
        await services.hub.stop()
        database.close()
    return runs


def held_against(run: dict[str, Any], name: str, core: Mapping[str, Any]) -> None:
    """Name a dialect's run, and say what it has beyond the core's, where both had one client."""
    run["dialect"] = name
    if run["clients"] == 1:
        measured = "beyond_picture_milliseconds" if "beyond_picture_milliseconds" in run else "milliseconds"
        run["adds_milliseconds"] = round(run[measured]["p50"] - core[measured]["p50"], 2)


Ask = Callable[[Client], Awaitable[str]]
"""Asks once; answers "" when it was answered as it should be, and otherwise what was said."""
Open = Callable[[], Awaitable[tuple[Ask, Callable[[], None]]]]
"""A way to ask of its own for each client, and how to close it."""


def over_http(house: House, dialect: Dialect) -> Open:
    async def open_connection() -> tuple[Ask, Callable[[], None]]:
        reader, writer = await asyncio.open_connection("127.0.0.1", house.port)

        async def ask(client: Client) -> str:
            writer.write(dialect.request(client))
            status, body = await read_answer(reader)
            is_right = status == 200 and dialect.answered in body.replace(b": ", b":")
            return "" if is_right else f"{status} {body[:100].decode(errors='replace')}"

        return ask, writer.close

    return open_connection


def in_core(services: Services, core: str) -> Open:
    draft = GenerationDraft(model_id=MODEL, prompt=PROMPT, width=SIDE, height=SIDE, steps=STEPS)

    def order(session: Session, used: ApiKey) -> GenerationView:
        generation = submit(session, CLOCK, used.account, draft, base_url="http://localhost", api_key_id=used.id)
        return get_view(session, CLOCK, used.account_id, generation.id)

    async def ask(client: Client) -> str:
        if core == LOOK:
            await as_key(
                services,
                client.key,
                Scope.READ,
                lambda session, used: get_view(session, CLOCK, used.account_id, client.done),
            )
            return ""
        view = await as_key(services, client.key, Scope.GENERATE, order)
        if core == WAIT:
            view = await wait_until_finished(services, view, PATIENCE_SECONDS)
        return view.error or ""

    async def open_nothing() -> tuple[Ask, Callable[[], None]]:
        return ask, lambda: None

    return open_nothing


async def run_of(
    house: House, database: Database, core: str, count: int, seconds: float, turn: Iterator[Client], opened: Open
) -> dict[str, Any]:
    """One kind of request for `seconds`, by `count` clients at a time, after a little of the same."""
    await ask_for(WARM_UP_SECONDS, count, turn, opened)
    first = newest_job(database) + 1
    before, began = cpu_seconds(house), time.perf_counter()
    answers, refused = await ask_for(seconds, count, turn, opened)
    took, after = time.perf_counter() - began, cpu_seconds(house)
    if not answers:
        raise SystemExit(f"nothing was answered: {refused}")
    run = {
        "dialect": None,
        "core": core,
        "clients": count,
        "answered": len(answers),
        "answers_per_second": round(len(answers) / took, 1),
        "milliseconds": milliseconds([answer.seconds for answer in answers]),
        "cpu_milliseconds_each": {
            name: round(1000 * (after[who] - before[who]) / len(answers), 2)
            for who, name in {"processes": "gateway", "postgresql": "postgresql", "clients": "this process"}.items()
        },
        "refused": refused,
    }
    if core == WAIT:
        run["beyond_picture_milliseconds"] = milliseconds(beyond_pictures(database, answers, first))
    return run


async def ask_for(
    seconds: float, count: int, turn: Iterator[Client], opened: Open
) -> tuple[list[Answered], dict[str, int]]:
    answers: list[Answered] = []
    refused: dict[str, int] = {}
    until = time.perf_counter() + seconds

    async def one() -> None:
        ask, close = await opened()
        while time.perf_counter() < until:
            client, began = next(turn), time.perf_counter()
            said = await ask(client)
            if said:
                refused[said] = refused.get(said, 0) + 1
            else:
                answers.append(Answered(client.account_id, began, time.perf_counter() - began))
        close()

    await asyncio.gather(*(one() for _ in range(count)))
    return answers, refused


def beyond_pictures(database: Database, answers: Sequence[Answered], first_job: int) -> list[float]:
    """Seconds of each answer that its job did not have. An account's answers and its jobs are in one order."""
    jobs: dict[int, list[float]] = {}
    with database.transaction() as session:
        had = session.execute(
            text(
                "SELECT account_id, extract(epoch FROM finished_at - created_at) FROM jobs"
                " WHERE id >= :first AND state = 'done' ORDER BY id"
            ),
            {"first": first_job},
        )
        for account_id, seconds in had:
            jobs.setdefault(account_id, []).append(float(seconds))
    return [
        answer.seconds - jobs[answer.account_id].pop(0) for answer in sorted(answers, key=lambda answer: answer.began)
    ]


def milliseconds(seconds: Sequence[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {
        "p50": round(1000 * statistics.median(ordered), 2),
        "p99": round(1000 * ordered[int(0.99 * (len(ordered) - 1))], 2),
    }


def clients_of(database: Database, keys: Sequence[str]) -> list[Client]:
    """`furnish` makes accounts in the order of its keys."""
    with database.transaction() as session:
        ids = session.scalars(text("SELECT id FROM accounts ORDER BY id")).all()
    return [Client(account_id, key) for account_id, key in zip(ids, keys, strict=False)]


def with_pictures(database: Database, clients: Sequence[Client]) -> list[Client]:
    with database.transaction() as session:
        done = dict(
            session.execute(text("SELECT account_id, max(subject_id) FROM jobs WHERE state = 'done' GROUP BY 1")).all()
        )
    return [
        Client(client.account_id, client.key, done[client.account_id])
        for client in clients
        if client.account_id in done
    ]


def newest_job(database: Database) -> int:
    with database.transaction() as session:
        return session.scalar(text("SELECT coalesce(max(id), 0) FROM jobs")) or 0


def start_worker(house: House, folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "easel", "worker", "--fake", "--fake-step-seconds", "0"]
    return subprocess.Popen(command, env=house.environment | {"EASEL_DATA": str(folder)})


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Status and body; the body by its length or, as events come, in chunks."""
    head = await reader.readuntil(b"\r\n\r\n")
    fields = dict(line.split(b":", 1) for line in head.lower().split(b"\r\n")[1:] if b":" in line)
    if b"content-length" in fields:
        return int(head[9:12]), await reader.readexactly(int(fields[b"content-length"]))
    body = bytearray()
    while length := int(await reader.readuntil(b"\r\n"), 16):
        body += (await reader.readexactly(length + 2))[:-2]
    await reader.readexactly(2)
    return int(head[9:12]), bytes(body)


if __name__ == "__main__":
    main()
