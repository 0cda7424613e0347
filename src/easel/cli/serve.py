"""`easel serve`: everything on this machine in one command."""

import fcntl
import os
import socket
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated
from urllib.request import ProxyHandler, build_opener

import structlog
from cyclopts import Parameter

from easel.accounts.owner import ensure_owner, ensure_owner_key
from easel.accounts.sign_in import create_sign_in_token
from easel.cli.accounts import SIGN_IN_LIFETIME
from easel.cli.context import Installation, open_installation
from easel.cli.signals import stop_event
from easel.cli.supervisor import Child, Supervisor
from easel.db.session import DATABASE_IS_DOWN
from easel.domain.errors import Conflict, Unavailable
from easel.generations.recover import take_back
from easel.jobs.workers import list_workers
from easel.kit import ids, logs
from easel.kit.memory import share_of_memory
from easel.settings import Settings

log = structlog.get_logger()

PATIENCE_SECONDS = 60.0


def serve(
    *,
    workers: Annotated[int, Parameter(help="How many drawing processes to run; 0 for a gateway alone.")] = 1,
    fake: Annotated[bool, Parameter(help="Workers draw test cards instead of using a network.")] = False,
    fake_step_seconds: Annotated[float, Parameter(help="How long a step of a test card takes.")] = 0.01,
) -> None:
    """Start the database, the gateway and the workers, and keep them running until Ctrl-C or SIGTERM."""
    stopping = stop_event()
    settings = Settings()
    logs.configure("serve", level=settings.log_level, json=settings.log_json)
    _check_port(settings)
    with _only_one(settings.data), open_installation(settings, owns_server=True) as installation:
        names = [_Name() for _ in range(workers)]
        worker_options = ["--fake", "--fake-step-seconds", str(fake_step_seconds)] if fake else []
        children = [Child("gateway", lambda: ["gateway"]) for _ in range(settings.gateways)]
        children += [
            Child(
                "worker",
                arguments=lambda name=name: ["worker", "--id", name.renew(), *worker_options],
                after_exit=lambda name=name: _take_back(installation, name.current),
            )
            for name in names
        ]
        environment = _environment(settings, installation, workers)
        supervisor = Supervisor(children, environment, stopping, lambda: _keep_database(installation))
        try:
            supervisor.run(until=_Readiness(settings, installation, names))
            if not stopping.is_set():
                _greet(settings, installation)
            supervisor.run()
        finally:
            supervisor.stop()


class _Name:
    """A worker's name, new for each of its lives: what a dead one held can be told from what the next one holds."""

    current = ""

    def renew(self) -> str:
        self.current = f"{socket.gethostname()}-{ids.new_token(64)}"
        return self.current


def _take_back(installation: Installation, worker_id: str) -> None:
    try:
        with installation.database.transaction() as session:
            take_back(session, installation.clock, worker_id)
    except DATABASE_IS_DOWN:
        log.warning("database is away; the leases of the worker will run out", worker=worker_id)


def _environment(settings: Settings, installation: Installation, workers: int) -> dict[str, str]:
    threads: dict[str, str] = {}
    if workers > 1:  # networks of several processes that all want every core wait for each other most of the time
        threads["EASEL_THREADS"] = str(settings.threads or max(1, (os.cpu_count() or 1) // workers))
    return (
        os.environ
        | threads
        | {
            "EASEL_DATA": str(settings.data),
            "EASEL_DATABASE_URL": installation.database.url,
            "EASEL_SECRET": installation.secret,
            "EASEL_WEIGHT_MEMORY": str(settings.weight_memory or share_of_memory(workers)),
        }
    )


def _keep_database(installation: Installation) -> None:
    if installation.server and not installation.server.keep_running():
        log.warning("the database does not start; it is tried again")


class _Readiness:
    """Whether the gateway answers and every worker has reported; says now and then what is missing."""

    def __init__(self, settings: Settings, installation: Installation, workers: list[_Name]) -> None:
        self._address = f"{settings.local_url}/readyz"
        self._installation = installation
        self._workers = workers
        self._speak_at = time.monotonic() + PATIENCE_SECONDS

    def __call__(self) -> bool:
        missing = self._missing()
        if missing and time.monotonic() >= self._speak_at:
            self._speak_at = time.monotonic() + PATIENCE_SECONDS
            log.warning("still waiting", missing=", ".join(missing))
        return not missing

    def _missing(self) -> list[str]:
        try:
            # Not through a proxy of the environment: it would look for this machine elsewhere.
            with build_opener(ProxyHandler({})).open(self._address, timeout=1):
                pass
        except OSError:
            return ["gateway"]
        with self._installation.database.transaction() as session:
            reported = {worker.id for worker in list_workers(session)}
        return [f"worker {name.current}" for name in self._workers if name.current not in reported]


def _greet(settings: Settings, installation: Installation) -> None:
    base_url = settings.home_url
    with installation.database.transaction() as session:
        owner = ensure_owner(session, installation.clock)
        key = ensure_owner_key(session, installation.clock, owner, installation.secret)
        token = create_sign_in_token(session, installation.clock, owner.id, SIGN_IN_LIFETIME)
    print(f"Easel is at {base_url}")
    print(f"Sign in: {base_url}/sign-in?token={token}")
    print(f"API key: {key}", flush=True)


@contextmanager
def _only_one(data: Path) -> Generator[None]:
    """Two servers on one data folder would stop each other's database."""
    data.mkdir(parents=True, exist_ok=True)
    with (data / "serve.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(
                f"Another `easel serve` uses the data folder {data}; stop it, or set EASEL_DATA to another folder."
            ) from None
        yield


def _check_port(settings: Settings) -> None:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise Unavailable(
                f"Cannot listen on {settings.host} port {settings.port} ({error.strerror}); set EASEL_HOST or PORT."
            ) from None
