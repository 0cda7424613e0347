"""`easel doctor`: what is wrong with this installation, and what to do about it, a sentence each."""

import json
import secrets
import shutil
import stat
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import build_opener

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from cyclopts import Parameter
from sqlalchemy import Connection, text

from easel.artifacts.blobs import BlobStore
from easel.catalogue.weights import weights_folder
from easel.db.embedded import EmbeddedServer
from easel.db.identity import fingerprint_of
from easel.db.migrate import migration_config
from easel.db.session import Database
from easel.settings import Settings

LEAST_FREE_GIB = 2.0
LARGEST_SKEW_SECONDS = 2.0
STUCK_SECONDS = 300.0
OLDEST_POSTGRESQL = 15


class Grade(StrEnum):
    GOOD = "good"
    DOUBTFUL = "doubtful"
    """It works, and may not be what was meant."""
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    part: str
    grade: Grade
    sentence: str


def good(part: str, sentence: str) -> Finding:
    return Finding(part, Grade.GOOD, sentence)


def doubtful(part: str, sentence: str) -> Finding:
    return Finding(part, Grade.DOUBTFUL, sentence)


def wrong(part: str, sentence: str) -> Finding:
    return Finding(part, Grade.WRONG, sentence)


def doctor(
    *,
    as_json: Annotated[bool, Parameter(name="--json", help="One JSON list instead of lines.", negative="")] = False,
) -> None:
    """Look at every part of this installation and say what is wrong. Exit code 1 when something is."""
    findings: list[Finding] = []
    for finding in examine(Settings()):
        findings.append(finding)
        if not as_json:
            print(f"{finding.grade:8}  {finding.part}: {finding.sentence}", flush=True)
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    if any(finding.grade is Grade.WRONG for finding in findings):
        sys.exit(1)


def examine(settings: Settings) -> Iterator[Finding]:
    """Every part, one after the other; what cannot be looked at because another part is down is left out."""
    yield from _data_folder(settings.data)
    yield from _secret(settings)
    yield from _guarded("store", lambda: _store(settings))
    yield from _addresses(settings)
    yield from _packages()
    with _connected(settings) as (connection, problem):
        if problem or connection is None:
            yield wrong("database", problem)
            return
        yield from _server(connection)
        if (finding := _migrations(connection)).grade is Grade.WRONG:
            yield finding
            return
        yield finding
        yield from _owner_of(connection, settings)
        yield from _weights(connection)
        yield from _workers(connection, settings)
        yield from _queue(connection)
        yield from _webhooks(connection)


def _guarded(part: str, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from look()
    except Exception as error:  # whatever a library says: the other parts are looked at all the same
        yield wrong(part, f"it could not be looked at ({type(error).__name__}: {error}).")


def _data_folder(folder: Path) -> Iterator[Finding]:
    if not folder.is_dir():
        yield doubtful("data folder", f"{folder} is not there yet; `easel serve` makes it, or set EASEL_DATA.")
        return
    probe = folder / f".doctor-{secrets.token_hex(4)}"
    try:
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        yield wrong("data folder", f"{folder} cannot be written to ({error.strerror}); change its owner or EASEL_DATA.")
        return
    free = shutil.disk_usage(folder).free / 2**30
    said = f"{folder} can be written to and has {free:.1f} GiB free"
    yield good("data folder", f"{said}.") if free >= LEAST_FREE_GIB else wrong("data folder", f"{said}; make room.")


def _secret(settings: Settings) -> Iterator[Finding]:
    path = settings.data / "secret"
    if settings.secret:
        yield good("secret", "EASEL_SECRET is set.")
    elif not path.exists():
        yield doubtful("secret", "there is none yet; the first start makes one.")
    elif (mode := stat.S_IMODE(path.stat().st_mode)) & 0o077:
        yield wrong("secret", f"others can read {path} (mode {mode:o}); run: chmod 600 {path}")
    elif len(path.read_text()) < 32:
        yield wrong("secret", f"{path} is too short to be one; restore it from a backup.")
    else:
        yield good("secret", f"{path} is readable by its owner alone.")


def _store(settings: Settings) -> Iterator[Finding]:
    if settings.storage_url is None and not settings.data.is_dir():
        return
    where = settings.storage_url or settings.data / "files"
    blobs, key, data = BlobStore(where), f"temp/doctor-{secrets.token_hex(8)}", secrets.token_bytes(64)
    blobs.put(key, data)
    same = blobs.get(key) == data
    blobs.delete(key)
    if same:
        yield good("store", f"{where} keeps what is put there.")
    else:
        yield wrong("store", f"{where} gives back something else than was put there; use another store.")


def _addresses(settings: Settings) -> Iterator[Finding]:
    is_local = _is_local(settings.host)
    if settings.allow_private_urls and not is_local:
        yield doubtful(
            "private addresses",
            "others may call this server, and with webhooks and image URLs reach into its network; "
            "unset EASEL_ALLOW_PRIVATE_URLS.",
        )
    else:
        yield good("private addresses", "open to those on this machine." if settings.allow_private_urls else "refused.")
    if settings.public_url is None:
        if not is_local:
            yield doubtful("public URL", "EASEL_PUBLIC_URL is not set: links begin with whatever name a client used.")
        return
    parts = urlsplit(settings.public_url)
    if not is_local and parts.scheme == "http" and not _is_local(parts.hostname or ""):
        yield doubtful(
            "public URL", f"{settings.public_url} is not encrypted: keys and pictures can be read on the way."
        )
    yield from _answers(settings.public_url)


def _answers(public_url: str) -> Iterator[Finding]:
    try:
        with build_opener().open(f"{public_url}/healthz", timeout=5) as answer:
            is_easel = json.load(answer) == {"status": "ok"}
    except (OSError, ValueError) as error:
        reason = error.reason if isinstance(error, URLError) else error
        yield doubtful("public URL", f"nothing answers at {public_url}/healthz from here ({reason}).")
        return
    if is_easel:
        yield good("public URL", f"{public_url} leads to a gateway.")
    else:
        yield wrong("public URL", f"{public_url} leads to something else than Easel; set EASEL_PUBLIC_URL.")


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _packages() -> Iterator[Finding]:
    try:
        found = version("torch")
    except PackageNotFoundError:
        yield good("torch", "not installed here, which is right for a gateway; a worker needs easel[worker].")
        return
    import torch

    if not torch.cuda.is_available():
        yield good("torch", f"{found}, without a GPU: pictures are drawn on {torch.get_num_threads()} CPU threads.")
        return
    names = ", ".join(torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count()))
    yield good("torch", f"{found} with CUDA {torch.version.cuda} on {names}.")


@contextmanager
def _connected(settings: Settings) -> Generator[tuple[Connection | None, str]]:
    """A connection, or the sentence that says why there is none."""
    server = None
    try:
        if settings.database_url is None:
            if not settings.data.is_dir():
                yield None, "there is none before the first start."
                return
            server = EmbeddedServer(settings.data / "postgres")
        database = Database(server.url() if server else str(settings.database_url), pool_size=1)
        connection = database.engine.connect()
    except Exception as error:  # the server's own start has errors of every kind
        cause = str(getattr(error, "orig", error)).strip().splitlines()
        yield None, f"it cannot be reached ({cause[0] if cause else type(error).__name__}); see EASEL_DATABASE_URL."
        return
    try:
        yield connection, ""
    finally:
        connection.close()
        database.close()
        if server:
            server.leave()


def _server(connection: Connection) -> Iterator[Finding]:
    started, before = time.perf_counter(), time.time()
    number, theirs = connection.execute(
        text("SELECT current_setting('server_version_num')::int, extract(epoch FROM clock_timestamp())::float")
    ).one()
    took = time.perf_counter() - started
    if number // 10000 < OLDEST_POSTGRESQL:
        yield wrong("database", f"PostgreSQL {number // 10000} is too old; use {OLDEST_POSTGRESQL} or later.")
    else:
        yield good("database", f"PostgreSQL {number // 10000} answers in {1000 * took:.1f} ms.")
    skew = theirs - (before + took / 2)
    said = f"this machine and the database differ by {abs(skew):.2f} s"
    if abs(skew) > LARGEST_SKEW_SECONDS + took:
        yield doubtful("clock", f"{said}; leases go by the database's, links by this one's: set it by NTP.")
    else:
        yield good("clock", f"{said}.")


def _migrations(connection: Connection) -> Finding:
    here = MigrationContext.configure(connection).get_current_revision()
    head = ScriptDirectory.from_config(migration_config()).get_current_head()
    if here == head:
        return good("tables", f"at version {head}.")
    if here is None:
        return wrong("tables", "there are none yet; start `easel serve` or `easel gateway`, which make them.")
    return wrong("tables", f"at version {here}, but this program needs {head}; start `easel gateway` to change them.")


def _owner_of(connection: Connection, settings: Settings) -> Iterator[Finding]:
    path = settings.data / "secret"
    secret = settings.secret or (path.read_text() if path.exists() else None)
    stored = connection.scalar(text("SELECT secret_sha256 FROM installation"))
    if secret is None or stored is None:
        return
    if fingerprint_of(secret) != stored:
        yield wrong("secret", "the database belongs to an installation with another one; set EASEL_SECRET to that.")


def _weights(connection: Connection) -> Iterator[Finding]:
    installed = connection.execute(text("SELECT model_id, weights FROM models WHERE weights IS NOT NULL ORDER BY 1"))
    missing: list[str] = []
    count = 0
    for model_id, weights in installed:
        count += 1
        if not weights_folder(weights).exists():
            missing.append(f"{model_id} ({weights})")
    if missing:
        yield wrong("models", f"weights are gone: {', '.join(missing)}; install them again, or remove the models.")
    elif not count:
        yield wrong("models", "none is installed; see: easel models list")
    else:
        yield good("models", f"{count} installed, and their weights are there.")


def _workers(connection: Connection, settings: Settings) -> Iterator[Finding]:
    silent_after = 2 * settings.lease_seconds
    rows = connection.execute(
        text("SELECT id, extract(epoch FROM now() - heartbeat_at)::float FROM workers WHERE stopped_at IS NULL")
    ).all()
    alive = [id for id, seconds in rows if seconds <= silent_after]
    silent = [f"{id} for {seconds:.0f} s" for id, seconds in rows if seconds > silent_after]
    if silent:
        yield doubtful("workers", f"not heard of: {', '.join(sorted(silent)[:5])}; their jobs went to others.")
    waiting = connection.scalar(text("SELECT count(*) FROM jobs WHERE state = 'queued'"))
    if alive:
        yield good("workers", f"{len(alive)} at work.")
    elif waiting:
        yield wrong("workers", f"none runs, and {waiting} requests wait; start `easel serve` or `easel worker`.")
    else:
        yield doubtful("workers", "none runs; start `easel serve` or `easel worker`.")


def _queue(connection: Connection) -> Iterator[Finding]:
    waiting, oldest, lost = connection.execute(
        text("""
            SELECT count(*) FILTER (WHERE state = 'queued'),
                coalesce(extract(epoch FROM now() - min(created_at) FILTER (
                    WHERE state = 'queued' AND available_at <= now()))::float, 0),
                count(*) FILTER (WHERE state = 'running' AND lease_until < now() - interval '1 minute')
            FROM jobs WHERE state IN ('queued', 'running')
        """)
    ).one()
    if lost:
        yield wrong("queue", f"{lost} jobs of silent workers were not given to others; no gateway or worker runs.")
    said = f"{waiting} requests wait" + (f", the oldest for {oldest:.0f} s" if waiting else "")
    yield good("queue", f"{said}.") if oldest < STUCK_SECONDS else doubtful("queue", f"{said}; add workers.")


def _webhooks(connection: Connection) -> Iterator[Finding]:
    row: Any = connection.execute(
        text("""
            SELECT count(*) FILTER (WHERE gave_up_at > now() - interval '1 day'),
                count(*) FILTER (WHERE delivered_at IS NULL AND gave_up_at IS NULL
                    AND next_attempt_at < now() - interval '5 minutes')
            FROM webhook_deliveries
        """)
    ).one()
    given_up, late = row
    if late:
        yield wrong("webhooks", f"{late} are overdue: no gateway runs to send them.")
    elif given_up:
        yield doubtful("webhooks", f"{given_up} were given up in a day; see: easel webhooks list --undelivered")
    else:
        yield good("webhooks", "none is overdue or was given up in a day.")
