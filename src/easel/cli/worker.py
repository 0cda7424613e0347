"""`easel worker`: one drawing process, on this machine or any other that reaches the database and the store."""

import os
import socket
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Annotated, Any

from cyclopts import Parameter

from easel.cli.context import open_installation
from easel.cli.orphan import stop_with_parent
from easel.cli.signals import stop_event
from easel.domain.errors import InvalidRequest
from easel.kit import ids, logs
from easel.settings import Settings


def worker(
    *,
    id: Annotated[str | None, Parameter(help="A name no other worker has had; made up otherwise.")] = None,
    fake: Annotated[
        bool, Parameter(help="Draw test cards instead of using a network, for trying out a fleet.")
    ] = False,
    fake_step_seconds: Annotated[float, Parameter(help="How long a step of a test card takes.")] = 0.01,
    supervised: Annotated[bool, Parameter(show=False)] = False,
) -> None:
    """Draw what is queued, until stopped."""
    settings = Settings()
    logs.configure("worker", level=settings.log_level, json=settings.log_json)
    stopping = stop_event()
    if supervised:
        stop_with_parent()
    from easel.cli.loads import command
    from easel.worker.checks import checking
    from easel.worker.loads import loading
    from easel.worker.warm_up import warm_up, warm_up_request
    from easel.worker.worker import Worker

    engine, resident, device = _fake_engine(fake_step_seconds) if fake else _torch_engine(settings)
    with open_installation(settings) as installation:
        installation.database.end_idle_transactions(settings.lease_seconds)
        with installation.database.transaction() as session:
            first = warm_up_request(session, settings.default_model)
        if first:
            warm_up(engine, first)
        database, clock, blobs = installation.database, installation.clock, installation.blobs
        finishing = _finishing(settings, device)
        drawing = Worker(
            id or f"{socket.gethostname()}-{os.getpid()}-{ids.new_token(48)}",
            engine,
            database=database,
            clock=clock,
            blobs=blobs,
            lease=timedelta(seconds=settings.lease_seconds),
            capacity=4 if device == "cpu" else 16,
            device=device,
            resident=resident,
            finishing=finishing,
            stopping=stopping,
        )
        with loading(database, clock, command), checking(database, clock, blobs, finishing.classifier):
            drawing.run()


def _finishing(settings: Settings, device: str) -> Any:
    from easel.worker.finishing import Finishing

    if device == "fake":
        return Finishing()
    from easel.engine.safety import SafetyChecker
    from easel.engine.upscaling.upscaler import Upscalers

    checker = SafetyChecker.load(settings.safety_checker, device) if settings.safety_checker else None
    return Finishing(classifier=checker, enlarge=Upscalers(device))


def _torch_engine(settings: Settings) -> tuple[Any, Callable[[], Sequence[str]], str]:
    from easel.engine.engine import Engine
    from easel.engine.runner import TorchRunner

    try:
        runner = TorchRunner(
            threads=settings.threads,
            weight_bytes=settings.weight_memory,
            device_weight_bytes=settings.gpu_weight_memory,
            backend=settings.backend,
            cache=settings.cache,
        )
    except (ValueError, ImportError) as error:
        raise InvalidRequest("backend", str(error)) from error
    deterministic = settings.deterministic if settings.deterministic is not None else runner.device == "cpu"
    most = 8 if runner.device == "cpu" else 32
    return Engine(runner, max_rows=most, deterministic=deterministic), runner.resident, runner.device


def _fake_engine(seconds_per_step: float) -> tuple[Any, Callable[[], Sequence[str]], str]:
    from easel.engine.engine import Engine
    from easel.engine.fake import FakeRunner

    runner = FakeRunner(seconds_per_call=seconds_per_step)
    return Engine(runner), runner.resident, "fake"
