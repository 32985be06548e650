"""What a search found, as SVG: progress, importances of settings, parallel coordinates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib import style
from matplotlib.axes import Axes

from nst.compare.figures.curves import PAGE_STYLE, panels, svg
from nst.compare.figures.look import PALETTE
from nst.compare.figures.marks import pareto
from nst.compare.settings import short, shown
from nst.metrics.table import METRICS

if TYPE_CHECKING:
    from nst.sweeps.findings import Findings  # needs Optuna

Places = list[tuple[float, float]]
STAGES = (0.25, 0.5, 1.0)  # shares of the trials after which the front is drawn


@style.context(["default", PAGE_STYLE])
def progress(found: Findings) -> str:
    """Draws how the front, or the best value of a single metric, grew with the trials.

    Returns:
        SVG, or "" for more than two metrics, of which no plane shows a front.
    """
    if len(found.metrics) > 2:
        return ""
    numbers = [trial.number for trial in found.trials]
    figure, ((left, right),) = panels(1, 2, (5.2, 3.4))
    names = [named(name) for name in found.metrics]
    values = np.array([trial.values for trial in found.trials])
    if len(names) == 1:
        right.remove()
        left.plot(numbers, values[:, 0], "o", color=PALETTE[-1], ms=4)
        best = np.minimum.accumulate(values * _signs(found)) * _signs(found)
        left.plot(numbers, best[:, 0], color=PALETTE[0], drawstyle="steps-post")
        _name(left, "trial", names[0], "best so far")
        return svg(figure)
    lower = values * _signs(found)  # so that less is better in both
    for stage, colour in zip(STAGES, (PALETTE[1], PALETTE[2], PALETTE[0]), strict=True):
        count = max(1, math.ceil(stage * len(lower)))
        front = pareto([(x, y) for x, y in lower[:count]])
        left.plot(*values[front].T, drawstyle="steps-post", color=colour, label=f"{count} trials")
    left.scatter(*values.T, c=numbers, cmap="viridis", s=16, zorder=3)
    left.legend(frameon=False, fontsize=8)
    _name(left, names[0], names[1], "front; bright points are later trials")
    worst = lower.max(axis=0)
    volumes = _volumes([(x, y) for x, y in lower], worst)
    right.plot(numbers, volumes, color=PALETTE[0], drawstyle="steps-post")
    _name(right, "trial", "hypervolume", "area between the front and the worst values")
    return svg(figure)


def hypervolume(places: Places, worst: Sequence[float] | npt.NDArray[Any]) -> float:
    """Measures the area that a front of two metrics beats, up to a corner; less is better."""
    area, height = 0.0, float(worst[1])
    for index in pareto(places):
        x, y = places[index]
        area += max(0.0, float(worst[0]) - x) * max(0.0, height - y)
        height = min(height, y)
    return area


def _volumes(places: Places, worst: npt.NDArray[Any]) -> list[float]:
    """Measures the hypervolume after each trial."""
    front, volumes = Places(), []
    for place in places:
        front.append(place)
        front = [front[i] for i in pareto(front)]
        volumes.append(hypervolume(front, worst))
    return volumes


@style.context(["default", PAGE_STYLE])
def importances(found: Findings) -> str:
    """Draws the share of each setting in each metric; "" after few trials."""
    if not found.importances:
        return ""
    height = 0.9 + 0.3 * len(found.keys)
    figure, (row,) = panels(1, len(found.importances), (4.2, height), beside=1.1)
    for axes, (metric, shares) in zip(row, found.importances.items(), strict=True):
        order = sorted(shares, key=lambda key: shares[key])
        axes.barh([short(key) for key in order], [shares[k] for k in order], color=PALETTE[0])
        axes.set_xlim(0, 1)
        axes.set_title(named(metric), size=11)
    return svg(figure)


@style.context(["default", PAGE_STYLE])
def parallel(found: Findings) -> str:
    """Draws each trial as a line through its settings and metrics; the front in blue."""
    columns: list[tuple[Sequence[Any], str, bool]] = [
        ([trial.chosen[key] for trial in found.trials], short(key), log)
        for key, log in found.keys.items()
    ]
    for index, name in enumerate(found.metrics):
        columns.append(([t.values[index] for t in found.trials], named(name), False))
    figure, ((axes,),) = panels(1, 1, (max(5.2, 1.7 * len(columns)), 4.0))
    heights = np.array([_heights(values, log) for values, _, log in columns])
    best = set(_undominated(np.array([t.values for t in found.trials]) * _signs(found)))
    for index, line in enumerate(heights.T):
        look: dict[str, Any] = {"color": PALETTE[-1], "linewidth": 0.8, "alpha": 0.6}
        if index in best:
            look = {"color": PALETTE[0], "linewidth": 1.6, "zorder": 3}
        axes.plot(line, **look)
    for place, (values, _, log) in enumerate(columns):
        axes.axvline(place, color=matplotlib.rcParams["axes.edgecolor"], linewidth=0.8)
        for height, text in _ticks(values, log):
            axes.text(place + 0.02, height, text, size=8)
    axes.set_xticks(range(len(columns)), [name for _, name, _ in columns])
    axes.set_yticks([])
    axes.set_xlim(-0.1, len(columns) - 0.6)
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)
    return svg(figure)


def named(metric: str) -> str:
    """Returns the name of a metric for people."""
    return METRICS[metric].label if metric in METRICS else metric


def _name(axes: Axes, x: str, y: str, title: str) -> None:
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.set_title(title, size=11)
    axes.grid(alpha=0.25)


def _signs(found: Findings) -> npt.NDArray[np.float64]:
    return np.array([-1.0 if more else 1.0 for more in found.metrics.values()])


def _undominated(values: npt.NDArray[np.float64]) -> list[int]:
    """Finds the rows that no other beats in all columns, less being better."""
    beaten = [((values <= row).all(axis=1) & (values < row).any(axis=1)).any() for row in values]
    return [index for index, is_beaten in enumerate(beaten) if not is_beaten]


def _heights(values: Sequence[Any], log: bool) -> list[float]:
    """Scales values to 0 … 1; words are spread evenly in the order of the alphabet."""
    if any(isinstance(value, str) for value in values):
        words = sorted(set(map(str, values)))
        return [words.index(str(value)) / max(1, len(words) - 1) for value in values]
    numbers = np.log(values) if log else np.asarray(values, float)
    low, high = numbers.min(), numbers.max()
    return list((numbers - low) / ((high - low) or 1.0))


def _ticks(values: Sequence[Any], log: bool) -> list[tuple[float, str]]:
    """Labels both ends of an axis, of words all of them."""
    heights = dict(zip(values, _heights(values, log), strict=True))
    if any(isinstance(value, str) for value in values):
        return [(height, shown(value)[:14]) for value, height in heights.items()]
    return [(heights[end], f"{end:.3g}") for end in {min(values), max(values)}]
