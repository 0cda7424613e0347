"""`easel bench`: what the engine does on this machine, against what others do."""

import tempfile
import warnings
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from easel.domain.errors import InvalidRequest

Scenario = Literal["single", "saturated", "mixed", "adapters", "switching", "memory", "overhead"]
WIDTH = 150
"""Of the table in a file or a pipe."""

Subject = Literal["easel-starter", "small-sd2", "stable-diffusion-2", "stable-diffusion-xl"]


def bench(
    *,
    scenario: Annotated[tuple[Scenario, ...], Parameter(help="Which to run; all otherwise.")] = (),
    model: Annotated[
        Subject | None,
        Parameter(
            help="What to draw with: the starter model, or an architecture with random weights. The starter model on a "
            "CPU, Stable Diffusion 2.0 in full size on a GPU otherwise."
        ),
    ] = None,
    backend: Annotated[
        tuple[str, ...],
        Parameter(help="Easel's backends to compare, as EASEL_BACKEND says; the first draws the scenarios of many."),
    ] = (),
    device: Annotated[Literal["auto", "cpu", "cuda"], Parameter(help="Where to draw.")] = "auto",
    threads: Annotated[int | None, Parameter(help="CPU threads for everybody; all cores otherwise.")] = None,
    quick: Annotated[bool, Parameter(help="Minutes: fewer runs, and no peer that must be compiled.")] = False,
    out: Annotated[
        Path | None, Parameter(help="Folder for results; benchmarks/results of a checkout otherwise.")
    ] = None,
    work: Annotated[
        Path | None,
        Parameter(help="Folder to keep what is made on the way, models and calibrations; a temporary one otherwise."),
    ] = None,
    dry: Annotated[bool, Parameter(help="Print the table, and store nothing.")] = False,
) -> None:
    """Run the scenarios in turns with their peers, print what came out, and store it with machine and commit."""
    import torch
    from rich.console import Console

    from easel.bench import models, suite
    from easel.bench.scenario import Bench, Report

    warnings.filterwarnings("ignore")
    if threads is not None:
        torch.set_num_threads(threads)
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    chosen = model or ("easel-starter" if device == "cpu" else "stable-diffusion-2")
    reports: dict[str, Report] = {}
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    with tempfile.TemporaryDirectory(prefix="easel-bench-") as temporary:
        place = work or Path(temporary)
        subject = models.subject(chosen, place / "models")
        backends = backend or _backends(device)
        setting = Bench(subject, device, quick, place, backends)
        for name in scenario or suite.SCENARIOS:
            console.print(f"{name}: {suite.SCENARIOS[name]} ...")
            reports[name] = _run(suite, name, setting)
        written = [] if dry else suite.store(setting, reports, out)
    console.print(suite.table(reports))
    for path in written:
        console.print(f"written to {path}")


def _backends(device: str) -> tuple[str, ...]:
    from easel.bench import suite

    if device == "cuda":
        return ("auto", "eager", "compiled")
    return ("auto", "openvino", "openvino-int8") if suite.has("openvino") and suite.has("nncf") else ("auto",)


def _run(suite: Any, name: str, setting: Any) -> Any:
    try:
        return suite.run(name, setting)
    except ImportError as error:
        raise InvalidRequest("backend", str(error)) from error
