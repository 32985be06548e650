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

from benchmarks.ingredients import PAIRS, Network, pictures
from benchmarks.measuring import process
from benchmarks.rivals import METHODS, Taken, torch_lbfgs
from benchmarks.table import Row
from nst import images
from nst.compare.figures.curves import panels
from nst.compare.figures.look import PALETTE, render
from nst.features import weights
from nst.runtime import import_tensorflow

GOOD = (0.1, 0.05, 0.03)  # style distances


class Place(NamedTuple):
    """Where a picture is: when it was taken, and both distances of the evaluation."""

    seconds: float
    content: float
    style: float


def quality(rounds: int, options: argparse.Namespace) -> Iterator[Row]:
    """Compares the time until pictures are good with that of what other people run."""
    found: dict[str, list[list[Place]]] = {}
    with process() as judge:
        for name, method in METHODS.items():
            if method is torch_lbfgs and importlib.util.find_spec("torch") is None:
                yield Row(name, None, "not measured: pip install -e '.[benchmark]'")
                continue
            found[name] = [places(method, pair, options, judge) for pair in PAIRS]
            kept, matched = (median(run[-1][which] for run in found[name]) for which in (1, 2))
            yield Row(f"{name}, content distance at the end", kept)
            yield Row(f"{name}, style distance at the end", matched)
    for style in GOOD:
        times = {
            name: [reached(run, style, options.content) for run in runs]
            for name, runs in found.items()
        }
        for name, seconds in times.items():
            yield until(f"style {style:g}, {name}", seconds, options.seconds)
        ours, predecessor, *others = map(median, times.values())
        if ours < math.inf:
            for what, other, target in (
                ("predecessor's", predecessor, ">= 50"),
                ("best of the others'", min(others), ">= 5"),
            ):
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
    network = Network(("network=bundled",), weights.locate("bundled", None, None, None, 0))
    second = options.judge and weights.locate("vgg16", options.judge, None, None, 0)
    with process() as own:
        taken = own.submit(method, pair, options.size, options.seconds, network).result()
    return judge.submit(judged, taken, pair, options.size, second).result()


def until(what: str, seconds: Sequence[float], limit: float) -> Row:
    """Returns the median time of several pairs; of those in time, where not all are."""
    if (middle := median(seconds)) == math.inf:
        return Row(what, None, f"not reached within {limit:g} s")
    late = sum(time == math.inf for time in seconds)
    return Row(what, middle, f"s, {late} of {len(seconds)} never" if late else "s")


def judged(
    taken: Taken, pair: tuple[str, str], size: int, judge: weights.Source | None
) -> list[Place]:
    """Measures pictures; those of a coarser scale are enlarged first, so that all compare."""
    import_tensorflow()  # quietly
    from nst.evaluation import evaluate

    content, style = pictures(pair, size)
    suffix = "" if judge is None else f"_{judge.network}"
    found = []
    for seconds, picture in taken:
        whole = images.resize(np.float32(picture), content.shape[:2])
        metrics: Mapping[str, Any] = evaluate(whole, content, [(style, 1.0)], judge)
        place = (metrics[f"{what}_distance{suffix}"] for what in ("content", "style"))
        found.append(Place(seconds, *place))
    return found


def reached(places: Sequence[Place], style: float, content: float) -> float:
    """Returns the seconds until both distances are at most these; infinity if they never are."""
    times = [p.seconds for p in places if p.style <= style and p.content <= content]
    return min(times, default=math.inf)


def chart(found: Mapping[str, Sequence[Sequence[Place]]], content: float) -> bytes:
    """Draws style distance over time, a panel per pair; faint where the content is lost.

    Returns:
        PNG.
    """
    figure, grid = panels(1, len(PAIRS), (3.6, 3.0), below=0.45)
    for column, (axes, pair) in enumerate(zip(grid.flat, PAIRS, strict=True)):
        for index, runs in enumerate(found.values()):
            x, y, kept = zip(
                *((p.seconds, p.style, p.content <= content) for p in runs[column]), strict=True
            )
            shown = np.where(kept, y, np.nan)
            axes.plot(x, y, color=PALETTE[index], linewidth=1, alpha=0.25)
            axes.plot(x, shown, color=PALETTE[index], linewidth=2)
        axes.set(xscale="log", yscale="log", xlabel="seconds")
        axes.set_title(" + ".join(pair), size=11)
        axes.grid(alpha=0.25)
    grid.flat[0].set_ylabel("style distance")
    lines = [Line2D([], [], color=PALETTE[index], linewidth=2) for index in range(len(found))]
    figure.legend(lines, found, loc="lower center", ncols=len(found), frameon=False)
    return render(figure, format="png", dpi=100)
