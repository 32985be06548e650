"""Captions of pictures: metrics with their spread over seeds, and the state of the run."""

from __future__ import annotations

from collections.abc import Sequence

from nst.compare.gallery import Gallery
from nst.compare.load import RunRecord
from nst.compare.settings import shown
from nst.compare.statistics import number, spread

PALE, INK, ALARM = "#f3f3f1", "#1b1b1b", "#b33a00"  # background, text, and what needs attention


def exemplar(runs: Sequence[RunRecord], gallery: Gallery) -> RunRecord | None:
    """Chooses the run that is shown for several: the first completed, else any with a picture."""
    pictured = [run for run in runs if run.folder in gallery.results]
    done = [run for run in pictured if run.state == "completed"]
    return next(iter([*done, *pictured]), None)


def metric_lines(runs: Sequence[RunRecord]) -> list[str]:
    """Writes both distances; of several runs, mean ± standard deviation."""
    done = [run for run in runs if {"content_distance", "style_distance"} <= run.metrics.keys()]
    if not done:
        return []
    words = [
        f"{name} {spread(run.metrics[f'{name}_distance'] for run in done)}"
        for name in ("content", "style")
    ]
    return [" · ".join(words)] if len(done) == 1 else words


def seed_line(runs: Sequence[RunRecord], example: RunRecord | None) -> str:
    """Says which of several runs is shown."""
    if len(runs) < 2 or example is None:
        return ""
    seeds = {run.settings.get("seed") for run in runs}
    shown_seed = shown(example.settings.get("seed"))
    if len(seeds) < 2:
        return f"{len(runs)} runs with the same settings"
    return f"{len(seeds)} seeds, shown: {shown_seed}"


def state_line(runs: Sequence[RunRecord]) -> str:
    """Writes the state of runs unless all are completed; "not run" where there are none."""
    if not runs:
        return "not run"
    if len(runs) == 1:
        return "" if runs[0].state == "completed" else state(runs[0])
    done = sum(run.state == "completed" for run in runs)
    others = ", ".join(dict.fromkeys(run.state for run in runs if run.state != "completed"))
    return f"{done} of {len(runs)} completed; {others}" if others else ""


def state(run: RunRecord) -> str:
    """Writes the state of a run, and the step that an unfinished one reached."""
    steps = run.metrics.get("steps")
    if steps is None or run.state in ("completed", "damaged"):
        return run.state
    of = f" of {run.config['steps']}" if run.state == "running" and "steps" in run.config else ""
    return f"{run.state} at step {number(steps)}{of}"
