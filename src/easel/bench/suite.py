"""All scenarios: which there are, running them, and what is said of them in the end."""

import importlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from easel.bench.record import save, versions
from easel.bench.scenario import Bench, Line, Report

SCENARIOS: Final = {
    "single": "one picture at a time",
    "saturated": "as many as go, all alike",
    "mixed": "of all lengths, as they come, in time",
    "adapters": "with LoRAs",
    "switching": "cold start, and from checkpoint to checkpoint",
    "memory": "memory by pictures in flight",
    "overhead": "the engine's own share",
}
"""Modules of this package, in the order in which they run."""


def run(name: str, bench: Bench) -> Report:
    return importlib.import_module(f"easel.bench.{name}").run(bench)


def has(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def table(reports: Mapping[str, Report]) -> Any:
    """A rich table: what was measured, how many times better than what, and whether that is what was aimed at."""
    from rich.table import Table

    shown = Table("scenario", "what", "measured", "against", "times as good", "aim")
    for name, report in reports.items():
        if report.skipped:
            shown.add_row(name, f"skipped: {report.skipped}", "", "", "", "")
        for line in report.lines:
            shown.add_row(name, line.what, line.measured, line.against, _ratio(line), _aim(line))
    return shown


def store(bench: Bench, reports: Mapping[str, Report], folder: Path | None) -> list[Path]:
    """One JSON file and, where there are curves and matplotlib, one plot a scenario."""
    written: list[Path] = []
    for name, report in reports.items():
        if report.skipped:
            continue
        how = {
            "scenario": SCENARIOS[name],
            "model": bench.subject.checkpoint.name,
            "side": bench.subject.side,
            "device": _device(bench.device),
            "backends": list(bench.backends),
            "quick": bench.quick,
            "versions": versions(),
        }
        lines = [
            {"what": line.what, "measured": line.measured, "against": line.against, "ratio": line.ratio,
             "aim": line.target}
            for line in report.lines
        ]  # fmt: skip
        title = f"bench-{name}-{bench.subject.checkpoint.name}-{bench.device}"
        path = save(title, {**how, "lines": lines, "figures": report.figures, "curves": report.curves}, folder)
        written.append(path)
        if report.curves and has("matplotlib"):
            written.append(_plot(report, path.with_suffix(".png")))
    return written


def _plot(report: Report, path: Path) -> Path:
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 5))
    for name, points in report.curves.items():
        axes.plot([x for x, _ in points], [y for _, y in points], marker=".", label=name)
    axes.set_xlabel(report.axes[0])
    axes.set_ylabel(report.axes[1])
    axes.legend(fontsize="small")
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=120, bbox_inches="tight")
    pyplot.close(figure)
    return path


def _ratio(line: Line) -> str:
    return "" if line.ratio is None else f"{line.ratio:.2f}"


def _aim(line: Line) -> str:
    if line.target is None or line.ratio is None:
        return ""
    return f"{line.target:g} {'met' if line.ratio >= line.target else 'missed'}"


def _device(device: str) -> str:
    import torch

    return torch.cuda.get_device_name() if device == "cuda" else f"{torch.get_num_threads()} threads"
