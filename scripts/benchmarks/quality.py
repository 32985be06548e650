"""Time until a picture is good: this project, and what other people run."""

from __future__ import annotations

import argparse
import importlib.util
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from benchmarks.ingredients import PAIRS, Ingredients, ingredients
from benchmarks.measuring import process
from benchmarks.rivals import METHODS, OURS, PREDECESSOR, Taken, torch_lbfgs
from benchmarks.table import Row
from nst import images
from nst.compare.figures.curves import panels
from nst.compare.figures.look import PALETTE, render
from nst.features import weights
from nst.runtime import import_tensorflow

GOOD = (0.3, 0.2, 0.1)  # style distances
SHOWN = {"style": "style distance", "patches": "patch distance"}  # rows of the chart


class Place(NamedTuple):
    """Where a picture is: when it was taken, and its distances."""

    seconds: float
    content: float
    style: float
    patches: float


def quality(rounds: int, options: argparse.Namespace) -> Iterator[Row]:
    """Compares the time until pictures are good with that of what other people run."""
    found: dict[str, list[list[Place]]] = {}
    with process() as judge:
        for name, method in METHODS.items():
            if method is torch_lbfgs and importlib.util.find_spec("torch") is None:
                yield Row(name, None, "not measured: pip install -e '.[benchmark]'")
                continue
            found[name] = [places(method, pair, options, judge) for pair in PAIRS]
            for what in ("content", "style", "patches"):
                middle = median(getattr(run[-1], what) for run in found[name])
                yield Row(f"{name}, distance at the end: {what}", middle)
    for style in GOOD:
        times = {
            name: [reached(run, style, options.content) for run in runs]
            for name, runs in found.items()
        }
        for name, seconds in times.items():
            yield until(f"style {style:g}, {name}", seconds, options.seconds)
        middles = {name: median(seconds) for name, seconds in times.items()}
        ours = min(middles.pop(name) for name in OURS)
        predecessor = middles.pop(PREDECESSOR)
        for what, other, target in (
            ("predecessor's", predecessor, ">= 50"),
            ("best of the others'", min(middles.values()), ">= 5"),
        ):
            if ours < math.inf:
                unit = "or more" if other == math.inf else ""
                ratio = min(other, options.seconds) / ours
                yield Row(f"style {style:g}, {what} time / ours", ratio, unit, target)
    if options.chart is not None:
        options.chart.write_bytes(chart(found, options.content))


def places(
    method: Callable[..., Taken],
    pair: tuple[str, str],
    options: argparse.Namespace,
    judge: ProcessPoolExecutor,
) -> list[Place]:
    """Runs a method in a process of its own; judges its pictures in another."""
    second = options.judge and weights.locate("vgg16", options.judge)
    start = judge.submit(ingredients, pair, options.size).result()
    with process() as own:
        taken = own.submit(method, start, options.seconds).result()
    return judge.submit(judged, taken, start, second).result()


def until(what: str, seconds: Sequence[float], limit: float) -> Row:
    """Returns the median time of several pairs; of those in time, where not all are."""
    if (middle := median(seconds)) == math.inf:
        return Row(what, None, f"not reached within {limit:g} s")
    late = sum(time == math.inf for time in seconds)
    return Row(what, middle, f"s, {late} of {len(seconds)} never" if late else "s")


def judged(taken: Taken, start: Ingredients, judge: weights.Source | None) -> list[Place]:
    """Measures pictures; those of a coarser scale are enlarged first, so that all compare."""
    import_tensorflow()  # quietly
    from nst.evaluation import evaluate

    suffix = "" if judge is None else f"_{judge.network}"
    found = []
    for seconds, picture in taken:
        whole = images.resize(np.float32(picture), start.content.shape[:2])
        metrics: Mapping[str, Any] = evaluate(whole, start.content, [(start.style, 1.0)], judge)
        place = (metrics[f"{what}_distance{suffix}"] for what in ("content", "style"))
        found.append(Place(seconds, *place, metrics["patch_distance"]))
    return found


def reached(places: Sequence[Place], style: float, content: float) -> float:
    """Returns the seconds until both distances are at most these; infinity if they never are."""
    times = [p.seconds for p in places if p.style <= style and p.content <= content]
    return min(times, default=math.inf)


def chart(found: Mapping[str, Sequence[Sequence[Place]]], content: float) -> bytes:
    """Draws distances over time, a panel per distance and pair; faint where the content is lost.

    Returns:
        PNG.
    """
    figure, grid = panels(len(SHOWN), len(PAIRS), (3.6, 2.7), below=0.45, beside=0.8)
    for (what, label), row in zip(SHOWN.items(), grid, strict=True):
        for column, axes in enumerate(row):
            for index, runs in enumerate(found.values()):
                x = [place.seconds for place in runs[column]]
                y = [getattr(place, what) for place in runs[column]]
                kept = [place.content <= content for place in runs[column]]
                axes.plot(x, y, color=PALETTE[index], linewidth=1, alpha=0.25)
                axes.plot(x, np.where(kept, y, np.nan), color=PALETTE[index], linewidth=2)
            axes.set(xscale="log", yscale="log", xlabel="seconds")
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
                axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
                axis.set_minor_locator(NullLocator())
            axes.grid(alpha=0.25)
        row[0].set_ylabel(label)
    for axes, pair in zip(grid[0], PAIRS, strict=True):
        axes.set_title(" + ".join(pair), size=11)
    lines = [Line2D([], [], color=PALETTE[index], linewidth=2) for index in range(len(found))]
    figure.legend(lines, found, loc="lower center", ncols=len(found), frameon=False)
    return render(figure, format="png", dpi=100)
