"""What one submit costs: processor time in the gateway and in PostgreSQL, and the statements that it sends.

    python -m benchmarks.submit [--against ../before/src] [--rounds 12] [--submits 50] [--clients 1]

One gateway, an account with money behind every request, no worker. With `--against` another version, of the same
migrations, does the same on a database of its own, in turn with this one, so that whatever else the machine does meets
both. Processor time, and not the clock: it means something on a busy machine, too.
"""

import argparse
import asyncio
import json
import re
import shutil
import statistics
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path

from sqlalchemy import text

import easel
from benchmarks.load import House, answer, check, cpu_seconds, free_port, furnish, request, start
from benchmarks.record import save
from easel.db.embedded import EmbeddedServer
from easel.db.session import Database

HERE = Path(easel.__file__).parents[1]

WARM_UP = 40
COUNTED = 20
"""Submits whose statements are counted."""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--against", type=Path, help="the src folder of another version")
    arguments.add_argument("--rounds", type=int, default=12)
    arguments.add_argument("--submits", type=int, default=50)
    arguments.add_argument("--clients", type=int, default=1)
    arguments.add_argument("--not-saved", action="store_true", help="only print the result")
    asked = arguments.parse_args()
    sources = {"here": HERE} | ({"there": asked.against.resolve()} if asked.against else {})
    submits = WARM_UP + asked.rounds * asked.submits + COUNTED
    with ExitStack() as stack:
        houses = {name: stack.enter_context(furnished(source, submits)) for name, source in sources.items()}
        keys = {name: iter(house.keys) for name, house in houses.items()}
        for name, house in houses.items():
            asyncio.run(submit(house, islice(keys[name], WARM_UP), asked.clients))
        rounds: dict[str, list[dict[str, float]]] = {name: [] for name in houses}
        for _ in range(asked.rounds):
            for name, house in houses.items():
                rounds[name].append(cost(house, islice(keys[name], asked.submits), asked.submits, asked.clients))
        sent = {name: statements(house, islice(keys[name], COUNTED)) for name, house in houses.items()}
    result = {
        name: {
            "cpu_milliseconds_each": {
                part: round(statistics.median(one[part] for one in rounds[name]), 2) for part in rounds[name][0]
            },
            "statements_each": round(sum(sent[name].values()) / COUNTED, 2),
            "rounds": rounds[name],
            "statements": {words: round(times / COUNTED, 2) for words, times in sent[name].most_common()},
        }
        for name in houses
    }
    print(json.dumps(result, indent=2))
    if not asked.not_saved:
        print("written to", save("submit", {"options": {**vars(asked), "against": bool(asked.against)}, **result}))


@contextmanager
def furnished(source: Path, accounts: int) -> Iterator[House]:
    """A database of its own with one gateway on it, which runs that source."""
    folder = Path(tempfile.mkdtemp(prefix="easel-submit-"))
    server = EmbeddedServer(folder / "postgres")
    try:
        url = server.url()
        house = House(url, free_port(), furnish(url, accounts), [], folder / "postgres", source)
        try:
            start(house, folder, 1, 0)
            yield house
        finally:
            for process in house.processes:
                process.terminate()
                process.wait(30)
        check(url, accounts)
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


async def submit(house: House, keys: Iterator[str], clients: int = 1) -> None:
    """Each with a key of its own; a client sends its next one when the last one is answered."""

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
        for key in keys:
            writer.write(request(key))
            status, body = await answer(reader)
            if status != 200 or b'"processing"' not in body:
                raise SystemExit(f"refused with {status}: {body[:200].decode(errors='replace')}")
        writer.close()

    await asyncio.gather(*(client() for _ in range(clients)))


def cost(house: House, keys: Iterator[str], submits: int, clients: int) -> dict[str, float]:
    """Processor milliseconds a submit, by part."""
    before = cpu_seconds(house)
    asyncio.run(submit(house, keys, clients))
    after = cpu_seconds(house)
    return {part: round(1000 * (after[part] - before[part]) / submits, 2) for part in ("processes", "postgresql")}


def statements(house: House, keys: Iterator[str]) -> Counter[str]:
    """How often each statement is sent, by its first words, as PostgreSQL's own log has it."""
    log, before = house.postgres / "log", 0
    set_logging(house.url, "all")
    before = log.stat().st_size
    asyncio.run(submit(house, keys))
    set_logging(house.url, "none")
    with log.open(errors="replace") as lines:
        lines.seek(before)
        sent = re.findall(r"LOG:  (?:execute [^:]*|statement): (.*(?:\n\t.*)*)", lines.read())
    return Counter(re.sub(r"\s+", " ", one).strip()[:60] for one in sent)


def set_logging(url: str, which: str) -> None:
    database = Database(url)
    with database.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text(f"ALTER SYSTEM SET log_statement = '{which}'"))
        connection.execute(text("SELECT pg_reload_conf(), pg_sleep(0.3)"))
    database.close()


if __name__ == "__main__":
    main()
