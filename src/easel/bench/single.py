"""Scenario 1: one picture at a time, from the prompt to its pixels; PNG encoding is left out."""

import statistics

from easel.bench import peers
from easel.bench.limits import flops, peak
from easel.bench.measure import in_turns, prompt, summary
from easel.bench.scenario import Bench, Line, Report

TARGETS = {"openvino-int8": 2.2}
"""Times as fast as diffusers; 1.3 for the others."""
OPENVINO_TARGET = 0.95


def run(bench: Bench) -> Report:
    rounds = 3 if bench.quick else 11
    drawing = _everybody(bench)
    report, best = Report(axes=("steps", "seconds a picture")), peak(bench.device)
    report.figures["peak"] = best
    for steps in (20,) if bench.quick else (20, 30, 50):
        acts = {
            name: lambda number, draw=draw, steps=steps: draw(prompt(number), number, steps)
            for name, draw in drawing.items()
        }
        # A recording is made after thirty calls, and what is compiled is compiled once.
        seconds = in_turns(acts, rounds, warm_up=2 if steps == 20 else 1)
        needed = flops(bench.subject, steps)
        bound = needed["picture"] / max(best.values())
        report.figures[f"{steps} steps"] = {
            "seconds": {name: summary(times) for name, times in seconds.items()},
            "gigaflops": needed,
            "limit_seconds": bound,
        }
        medians = {name: statistics.median(times) for name, times in seconds.items()}
        for name, median in medians.items():
            report.curves.setdefault(name, []).append((steps, median))
        report.lines += _lines(bench, steps, medians, bound)
    return report


def _everybody(bench: Bench) -> dict[str, peers.Draw]:
    subject, device = bench.subject, bench.device
    drawing = {f"easel {name}": peers.easel(subject, name, device, bench.cache) for name in bench.backends}
    drawing["diffusers"] = peers.diffusers(subject, device)
    if not bench.quick:
        drawing["diffusers compiled"] = peers.diffusers(subject, device, compiled=True)
    for name, eight_bits in (("openvino", False), ("openvino-int8", True)):
        if name in bench.backends and subject.checkpoint.family != "sdxl":
            drawing[f"diffusers' loop over {name}"] = peers.openvino(subject, bench.cache, eight_bits=eight_bits)
    return drawing


def _lines(bench: Bench, steps: int, medians: dict[str, float], bound: float) -> list[Line]:
    lines: list[Line] = []
    for name in bench.backends:
        own = medians[f"easel {name}"]
        what, measured = f"{steps} steps, {name}", f"{own:.3f} s"
        target = TARGETS.get(name, 1.3)
        lines.append(Line(what, measured, "diffusers", medians["diffusers"] / own, target))
        for peer, peer_target in (("diffusers compiled", None), (f"diffusers' loop over {name}", OPENVINO_TARGET)):
            if peer in medians:
                lines.append(Line(what, measured, peer, medians[peer] / own, peer_target))
        lines.append(Line(what, measured, f"arithmetic limit {bound:.3f} s", bound / own))
    return lines
