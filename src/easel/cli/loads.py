"""`easel models carry-out`: what a worker starts to install a model that was asked for over HTTP.

A process of its own: an installation takes minutes and the memory of a model, and whatever it meets must not end the
worker. What it installs goes through the same functions as `easel models install`.
"""

import hashlib
import sys
from pathlib import Path
from typing import Annotated

import structlog
from cyclopts import Parameter

from easel.catalogue import loads
from easel.catalogue.loads import Wanted
from easel.catalogue.origins import is_pickle, refused_pickle
from easel.catalogue.tables import ModelLoad
from easel.catalogue.weights import hub_repository
from easel.cli.catalogued import installer_of, order_in, write_down
from easel.cli.context import Installation, open_installation
from easel.cli.orders import AUTO, Order
from easel.cli.orphan import stop_with_parent
from easel.db import leased
from easel.db.session import DATABASE_IS_DOWN
from easel.domain.errors import DomainError, Unavailable
from easel.generations.loading import finish_load
from easel.kit import logs
from easel.kit.fetch import Fetcher, FetchError
from easel.settings import Settings

LONGEST_SECONDS = 6 * 3600.0
MOST_BYTES = 64 * 2**30

log = structlog.get_logger()


def command(load_id: int, attempt: int) -> list[str]:
    """How a worker starts it."""
    return [sys.executable, "-m", "easel", "models", "carry-out", str(load_id), str(attempt), "--supervised"]


def carry_out(load_id: int, attempt: int, /, *, supervised: Annotated[bool, Parameter(show=False)] = False) -> None:
    """Install what a load wants, and write down what came of it."""
    settings = Settings()
    logs.configure("load", level=settings.log_level, json=settings.log_json)
    if supervised:
        stop_with_parent()
    with open_installation(settings) as installation:
        with installation.database.transaction() as session:
            wanted = loads.wanted_of(leased.held(session, ModelLoad, load_id, attempt))
        try:
            _install(installation, wanted, load_id, attempt)
        except DATABASE_IS_DOWN:
            raise  # it is tried again
        except Exception as error:
            if isinstance(error, (DomainError, OSError)):
                log.warning("model not loaded", model=wanted.model_id, error=type(error).__name__)
            else:
                log.exception("model not loaded", model=wanted.model_id)
            with installation.database.transaction() as session:
                finish_load(session, installation.clock, load_id, attempt, _said(error))


def _install(installation: Installation, wanted: Wanted, load_id: int, attempt: int) -> None:
    repository = hub_repository(wanted.source)
    file = None
    if wanted.source and repository is None:
        file = _fetched(installation, wanted, f"{load_id}-{attempt}")
    order = order_in(
        installation,
        wanted.model_id,
        given=file,
        elsewhere=wanted.source if repository else None,
        family=wanted.family or AUTO,
    )
    used = {order.model.weights if order.model else None}
    try:
        installed = installer_of(order, wanted.kind)(order)
        with installation.database.transaction() as session:
            write_down(session, order, installed, {"kind": wanted.kind, "name": wanted.name})
            replaced = _made_here(order, used - {installed.weights})
            finish_load(session, installation.clock, load_id, attempt, replaced=replaced)
        used.add(installed.weights)
    finally:
        if file and str(file) not in used:  # a folder was made of it, or nothing at all
            file.unlink(missing_ok=True)
    log.info("model loaded", model=wanted.model_id, weights=installed.weights)


def _made_here(order: Order, weights: set[str | None]) -> str | None:
    """Those that lie where models are fetched and converted to; a folder of the operator's own is theirs to delete."""
    folder = order.models / order.model_id
    return next((one for one in weights if one and Path(one).is_relative_to(folder)), None)


def _fetched(installation: Installation, wanted: Wanted, attempt: str) -> Path:
    """The file at the address, named by what it holds. Raises Unavailable, or InvalidRequest for a pickle."""
    folder = installation.settings.data.resolve() / "models" / wanted.model_id
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob("*.part"):  # by an attempt that was lost; should it still write, it does so into nowhere
        left.unlink()
    part = folder / f"{attempt}.part"
    fetcher = Fetcher(
        allow_private=installation.settings.allow_private_urls, seconds=LONGEST_SECONDS, max_bytes=MOST_BYTES
    )
    try:
        answer = fetcher.save(str(wanted.source), part)
        if answer.status != 200:
            raise Unavailable(f"The address of {wanted.model_id} answered with HTTP status {answer.status}")
        with part.open("rb") as file:
            if is_pickle(file.read(2)):
                raise refused_pickle("url", "what this address answers with")
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return part.rename(folder / f"{digest[:12]}.safetensors")
    except FetchError as error:
        raise Unavailable(f"{wanted.model_id} could not be fetched: {error}") from None
    finally:
        part.unlink(missing_ok=True)


def _said(error: Exception) -> str:
    if isinstance(error, DomainError):
        return str(error)
    if isinstance(error, OSError):
        return error.strerror or "A file could not be used"
    return f"It could not be installed ({type(error).__name__}); the worker's log says where"
