"""What the report of a sweep that is still running says of it, and when it reloads."""

from __future__ import annotations

import time
from collections.abc import Sequence

from nst.compare.comparison import Comparison
from nst.compare.load import RunRecord
from nst.compare.report.markup import escape

EVERY = 10  # seconds between reloads
STALE = 1800  # seconds after which a report that nobody has rewritten belongs to a killed sweep
UNITS = {"h": 3600, "min": 60, "s": 1}


def standing(comparison: Comparison) -> str:
    """Says how far a running sweep is; empty for one that has ended."""
    if comparison.jobs is None:
        return ""
    runs, jobs = comparison.runs, comparison.jobs
    running = sum(run.state == "running" for run in runs)
    words = f"Running: {_ended(runs)} of {jobs} jobs have ended, {running} running"
    left = seconds_left(runs, jobs)
    words += f", about {duration(left)} left" if left is not None else ""
    now = time.time()
    clock = time.strftime("%H:%M:%S", time.localtime(now))
    control = f'<label><input type="checkbox" checked> reload every {EVERY} s</label>'
    data = f'data-written="{now:.0f}" data-every="{EVERY}" data-stale="{STALE}"'
    text = f'<span role="status">{escape(words)}. Written at {clock}.</span>'
    return f'<p class="live card" {data}>{text} {control}</p>'


def seconds_left(runs: Sequence[RunRecord], jobs: int) -> float | None:
    """Estimates how long a sweep still takes, from what its steps took so far.

    Args:
        runs: Those that have begun.
        jobs: Of the sweep.

    Returns:
        Seconds; None before any step.
    """
    shares = {run: _share(run) for run in runs if run.state in ("running", "completed")}
    work = sum(shares.values())
    seconds = sum(run.metrics.get("seconds", 0.0) for run in shares)
    if work == 0 or seconds == 0:
        return None
    under_way = [share for run, share in shares.items() if run.state == "running"]
    left = max(0.0, jobs - _ended(runs) - sum(under_way))
    return left * seconds / work / max(1, len(under_way))


def duration(seconds: float) -> str:
    """Writes a duration in its largest unit."""
    name, unit = next(((n, u) for n, u in UNITS.items() if seconds >= 2 * u), ("s", 1))
    return f"{seconds / unit:.0f} {name}"


def _ended(runs: Sequence[RunRecord]) -> int:
    return sum(run.state not in ("running", "stopped", "interrupted") for run in runs)


def _share(run: RunRecord) -> float:
    """Returns which share of its steps a run has made."""
    planned = run.config.get("steps")
    if run.state == "completed" or not isinstance(planned, int | float):
        return 1.0
    return min(1.0, run.metrics.get("steps", 0.0) / max(1, planned))
