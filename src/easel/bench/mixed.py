"""Scenario 3: requests of all lengths, as they come; how many a second, and 95 % of them still in time.

In time is three and five times what each would take alone, and one time for all. The rate is searched for with the
engine's own scheduler on a told clock, with call times measured here; what it finds is then drawn on the running clock.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from easel.bench import peers
from easel.bench.arrivals import Arrival, Gaps, arrivals, bursts, poisson
from easel.bench.measure import percentile, prompt
from easel.bench.scenario import Bench, Line, Report
from easel.bench.serving import Clock, InBatches, Policy, RunningClock, TimedRunner, Times, Together, ToldClock, drive
from easel.engine.batch import BatchKey
from easel.engine.costs import ENOUGH
from easel.engine.engine import Engine, Runner
from easel.engine.request import PictureRequest
from easel.engine.runner import TorchRunner

IN_TIME = 0.95
TARGETS = {"3 x alone": 2.0, "5 x alone": 2.0, "one time for all": 1.0}
GAPS: Mapping[str, Gaps] = {"poisson": poisson, "bursts": bursts}
FIRST, BATCHES, SLACK, ROWS = "one at a time", "batches of 4 alike", "easel", "easel, rows that pay"
LOW_LOADS = (0.02, 0.04, 0.06, 0.08)
"""Where bursts are lost already."""


def run(bench: Bench) -> Report:
    count, seeds, by = (150, 1, 0.1) if bench.quick else (300, 3, 0.1)
    runner = TorchRunner(bench.device, backend=bench.backends[0], cache=bench.cache)
    times = measure(bench, runner)
    alone = {arrival.request.id: times.alone(arrival.request) for arrival in _sample(bench, poisson, 1.0, count, 0)}
    capacity = len(alone) / sum(alone.values())
    report = Report(axes=("requests, as a share of what one at a time could do", "share in time"))
    report.figures |= {
        "capacity_a_second": capacity,
        "call_seconds": {rows: times.call(rows) for rows in (1, 2, 4, 8)},
        "other_seconds_a_picture": times.picture,
    }
    loads = [*LOW_LOADS, *(round(by * step, 2) for step in range(1, round(1.6 / by) + 1))]
    for name, gaps in GAPS.items():
        found = {policy: _curves(bench, policy, gaps, times, loads, capacity, count, seeds) for policy in _policies()}
        report.figures[name] = {policy: {"highest_load": _highest(curves)} for policy, curves in found.items()}
        for goal, target in TARGETS.items():
            best = {policy: max(_highest(curves)[goal], LOW_LOADS[0] / 2) for policy, curves in found.items()}
            for own in (SLACK, ROWS):
                what, measured = f"{name}, {goal}, {own}", f"load {best[own]:.2f}"
                report.lines.append(Line(what, measured, FIRST, best[own] / best[FIRST], target))
                report.lines.append(Line(what, measured, BATCHES, best[own] / best[BATCHES]))
        for policy, curves in found.items():
            report.curves[f"{policy}, {name}, 3 x alone"] = list(zip(loads, curves["3 x alone"], strict=True))
    report.figures["drawn"] = _drawn(bench, runner, times, capacity, report)
    return report


def measure(bench: Bench, runner: TorchRunner) -> Times:
    """Calls of each size, by the engine's own stopwatch, and what a picture takes beside its calls."""
    seconds: dict[int, float] = {}
    kind = BatchKey(bench.subject.checkpoint, bench.subject.side, bench.subject.side).kind
    for rows in (1, 2, 4, 8):
        engine = Engine(runner, max_rows=max(2, rows), deterministic=rows <= 2)
        guidance = 1.0 if rows == 1 else peers.GUIDANCE
        # So often that what is recorded is recorded by then.
        for turn in range(2 if rows > 2 or bench.quick else 4):
            for number in range(max(1, rows // 2)):
                id, steps = f"{rows}-{turn}-{number}", 20 if rows <= 2 else ENOUGH + 2
                engine.add(peers.request(bench.subject, id, prompt(number), number, steps, guidance=guidance))
            peers.drain(engine)
        found = runner.costs.seconds(kind, rows)
        seconds[rows] = found if found is not None else seconds[2] * rows / 2
    engine, clock = Engine(runner), RunningClock()
    steps, pictures = 10, 3 if bench.quick else 9
    asked = [Arrival(0.0, peers.request(bench.subject, str(at), prompt(at), at, steps)) for at in range(pictures)]
    drive(InBatches(engine), asked, clock)
    other = max(0.0, clock.now() / pictures - steps * seconds[2])

    def call(rows: int) -> float:
        """Between and beyond the sizes that were measured, in proportion to the next one below."""
        size = max(known for known in seconds if known <= rows)
        return seconds[size] * rows / size

    return Times(call, other)


def _policies() -> dict[str, Callable[[Runner], Policy]]:
    return {
        FIRST: lambda runner: InBatches(Engine(runner)),
        BATCHES: lambda runner: InBatches(Engine(runner, deterministic=False), most=4),
        SLACK: lambda runner: Together(Engine(runner)),
        ROWS: lambda runner: Together(Engine(runner, deterministic=False)),
    }


def _sample(bench: Bench, gaps: Gaps, rate: float, count: int, seed: int) -> list[Arrival]:
    return arrivals(bench.subject, gaps, rate=rate, count=count, seed=seed)


def _curves(
    bench: Bench,
    policy: str,
    gaps: Gaps,
    times: Times,
    loads: Sequence[float],
    capacity: float,
    count: int,
    seeds: int,
) -> dict[str, list[float]]:
    """For each goal the share in time at each load; none once it is hopeless."""
    curves: dict[str, list[float]] = {goal: [] for goal in TARGETS}
    for load in loads:
        shares: list[dict[str, float]] = []
        hopeless = all(curve and curve[-1] < 0.5 for curve in curves.values())
        for seed in range(0 if hopeless else seeds):
            asked = _sample(bench, gaps, load * capacity, count, seed)
            clock = ToldClock()
            runner = TimedRunner(clock=clock, times=times)
            took = drive(_policies()[policy](runner), asked, clock)
            shares.append(in_time(asked, took, times))
        for goal, curve in curves.items():
            curve.append(sum(share[goal] for share in shares) / len(shares) if shares else 0.0)
    return curves | {"loads": list(loads)}


def in_time(asked: Sequence[Arrival], took: Mapping[str, float], times: Times) -> dict[str, float]:
    """The share of requests that was in time, by goal."""
    alone = {arrival.request.id: times.alone(arrival.request) for arrival in asked}
    mean = sum(alone.values()) / len(alone)
    goals: dict[str, Callable[[str], float]] = {
        "3 x alone": lambda id: 3 * alone[id],
        "5 x alone": lambda id: 5 * alone[id],
        "one time for all": lambda id: 3 * mean,
    }
    return {goal: sum(took[id] <= due(id) for id in alone) / len(alone) for goal, due in goals.items()}


def _highest(curves: Mapping[str, list[float]]) -> dict[str, float]:
    """For each goal the load up to which 95 % are in time, on the line between the two loads that it lies between."""
    loads = curves["loads"]
    found: dict[str, float] = {}
    for goal in TARGETS:
        below, share_below, highest = 0.0, 1.0, loads[-1]
        for load, share in zip(loads, curves[goal], strict=True):
            if share < IN_TIME:
                highest = below + (load - below) * (share_below - IN_TIME) / (share_below - share)
                break
            below, share_below = load, share
        found[goal] = highest
    return found


def _drawn(bench: Bench, runner: TorchRunner, times: Times, capacity: float, report: Report) -> dict[str, Any]:
    """Pictures by both policies, drawn at the load that the search found for Easel."""
    count = 12 if bench.quick else 60
    load = report.figures["poisson"][SLACK]["highest_load"]["3 x alone"]
    asked = _sample(bench, poisson, load * capacity, count, seed=7)
    drawn: dict[str, Any] = {"load": load, "pictures": count}
    for policy in (FIRST, SLACK, ROWS):
        clock: Clock = RunningClock()
        took = drive(_policies()[policy](runner), asked, clock)
        long: list[PictureRequest] = [arrival.request for arrival in asked if arrival.request.steps == 50]
        drawn[policy] = {
            "share_in_time": in_time(asked, took, times),
            "pictures_a_second": count / clock.now(),
            "p50_seconds": percentile(list(took.values()), 0.5),
            "p99_seconds": percentile(list(took.values()), 0.99),
            "p99_of_the_longest": percentile([took[request.id] for request in long], 0.99) if long else None,
        }
    for own in (SLACK, ROWS):
        share = drawn[own]["share_in_time"]["3 x alone"]
        against = f"{FIRST}: {drawn[FIRST]['share_in_time']['3 x alone']:.0%}"
        report.lines.append(Line(f"drawn at load {load:.2f}, 3 x alone, {own}", f"{share:.0%} in time", against))
    return drawn
