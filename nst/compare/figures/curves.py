"""Loss curves and main effects, as SVG with the colours and the font of the page around it."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Sequence
from typing import Any

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator

from nst.compare.effects import Effect
from nst.compare.figures.look import PALETTE, colour, render
from nst.compare.load import RunRecord
from nst.compare.settings import label, ordered, short, shown
from nst.config.settings import Value
from nst.metrics.table import EVERY

DASHES = ("-", "--", ":", "-.")
FOREGROUND = "#123456"  # placeholder for the text colour of the page
PAGE_STYLE: dict[Any, Any] = {
    "axes.formatter.limits": (-2, 4),  # of tick labels
    "text.parse_math": False,  # a dollar in a name is a dollar
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "nst",  # else ids differ between calls
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor"), FOREGROUND),
    **dict.fromkeys(("xtick.color", "ytick.color"), FOREGROUND),
}
RAW = "raw."  # before the name of a term in a history
MOST_DPI = 134  # px per inch of a figure: in a narrow one the text would grow with the page
AXES = {"evaluations": "evaluations of the objective", "seconds": "seconds"}
CHARTED = ("content_distance", "style_distance", "seconds")  # of a setting's effect


@style.context(["default", PAGE_STYLE])
def curves(runs: Sequence[RunRecord], keys: Sequence[str], axis: str) -> str:
    """Draws the raw terms and the total of every run.

    Colours distinguish the values of the first key, dashes those of the second; each line has
    its run's label as a tooltip.

    Args:
        runs: With their settings and histories.
        keys: That differ, the one with most values first.
        axis: ``evaluations`` or ``seconds``.

    Returns:
        SVG, or "" where no run has a history.
    """
    runs = [run for run in runs if run.history]
    if not runs:
        return ""
    terms = dict.fromkeys(key for run in runs for key in run.history[-1] if key.startswith(RAW))
    plots = {f"{term.removeprefix(RAW)}, unweighted": term for term in terms}
    plots["total, as optimised"] = "total"
    figure, grid = panels(math.ceil(len(plots) / 2), 2, (5.2, 2.9), below=0.5)
    styles = _styles(runs, keys)
    for axes in grid.flat[len(plots) :]:
        axes.remove()
    for axes, (title, term) in zip(grid.flat, plots.items(), strict=False):
        for index, run in enumerate(runs):
            x, y = ([record.get(key, math.nan) for record in run.history] for key in (axis, term))
            colour, dash = styles[index]
            axes.plot(x, y, color=colour, linestyle=dash, linewidth=1.4, gid=f"curve-{index}")
        _scale(axes, [value for line in axes.lines for value in line.get_ydata() if value > 0])
        axes.set_title(title, size=11)
        axes.set_xlabel(AXES[axis])
        axes.grid(alpha=0.25)
    _legend(figure, runs, keys)
    titles = [label(run, keys) for run in runs]
    return re.sub(
        r'<g id="curve-(\d+)">',
        lambda m: f'<g class="curve"><title>{html.escape(titles[int(m[1])])}</title>',
        svg(figure),
    )


@style.context(["default", PAGE_STYLE])
def main_effects(effects: Sequence[Effect]) -> str:
    """Draws, per key and metric, every combination (grey) and the mean over them (blue)."""
    if not effects:
        return ""
    metrics = [metric for metric in CHARTED if all(metric in e.points for e in effects)]
    figure, grid = panels(len(effects), len(metrics))
    for row, effect in zip(grid, effects, strict=True):
        for axes, metric in zip(row, metrics, strict=True):
            places = range(len(effect.values))
            for place, sample in zip(places, effect.points[metric], strict=True):
                axes.plot([place] * len(sample), sample, "o", color=PALETTE[-1], ms=4, alpha=0.7)
            means = [spread.mean for spread in effect.spreads[metric]]
            bars = [spread.deviation or 0.0 for spread in effect.spreads[metric]]
            # A line between words would suggest an order that they do not have.
            joined = "-" if all(isinstance(value, int | float) for value in effect.values) else ""
            look = {"color": PALETTE[0], "linestyle": joined, "marker": "o", "ms": 7}
            axes.errorbar(places, means, bars, capsize=4, **look)
            axes.set_xticks(places, [shown(value)[:18] for value in effect.values])
            axes.margins(x=0.15)
            axes.grid(alpha=0.25)
            axes.set_xlabel(short(effect.key))
            axes.set_title(EVERY[metric].heading, size=11)
    return svg(figure)


def panels(
    rows: int,
    columns: int,
    panel: tuple[float, float] = (3.5, 2.9),
    below: float = 0.0,
    beside: float = 0.65,
) -> tuple[Figure, Any]:
    """Makes a grid of axes, each in a panel of the given inches, with room below and beside."""
    # Computed here: the layout engines measure every text several times, which takes seconds.
    width, height = panel[0] * columns, panel[1] * rows + below
    figure = Figure((width, height))
    edges = {"left": beside / width, "right": 1 - 0.15 / width, "top": 1 - 0.35 / height}
    edges["bottom"] = (0.6 + below) / height
    grid = figure.subplots(
        rows,
        columns,
        squeeze=False,
        gridspec_kw={**edges, "wspace": 0.25 * beside / 0.65, "hspace": 0.5},
    )
    return figure, grid


def _scale(axes: Axes, values: Sequence[float]) -> None:
    """Makes the vertical axis logarithmic where the values, all positive, span a decade."""
    if not values or max(values) < 10 * min(values):
        return
    axes.set_yscale("log", nonpositive="mask")
    wide = max(values) > 1000 * min(values)
    axes.yaxis.set_major_locator(LogLocator(subs=(1,) if wide else (1, 2, 5)))
    axes.yaxis.set_major_formatter(lambda value, _: shown(value))
    axes.minorticks_off()


def _styles(runs: Sequence[RunRecord], keys: Sequence[str]) -> list[tuple[Any, str]]:
    first, second = [*keys, None, None][:2]
    colours, dashes = (
        ordered(run.settings.get(key or "") for run in runs) for key in (first, second)
    )
    return [
        (
            colour(colours.index(run.settings.get(first or "")), len(colours)),
            DASHES[dashes.index(run.settings.get(second or "")) % len(DASHES)],
        )
        for run in runs
    ]


def _legend(figure: Figure, runs: Sequence[RunRecord], keys: Sequence[str]) -> None:
    entries: dict[str, Any] = {}
    for key, fixed in zip(keys[:2], ({"linestyle": "-"}, {"color": FOREGROUND}), strict=False):
        values: list[Value] = ordered(run.settings.get(key) for run in runs)
        for index, value in enumerate(values):
            look = {
                "color": colour(index, len(values)),
                "linestyle": DASHES[index % len(DASHES)],
            } | fixed
            entries[f"{short(key)}={shown(value)}"] = Line2D([], [], **look)
    if entries and len(entries) <= 16:
        figure.legend(entries.values(), entries, loc="lower center", ncols=8, frameon=False)


def svg(figure: Figure) -> str:
    """Writes SVG for use inside a page: no header, no date, no fixed size."""
    undated = {"Date": None, "Creator": None}
    svg = render(figure, format="svg", transparent=True, metadata=undated).decode()
    head, rest = svg[svg.index("<svg") :].split(">", 1)
    head = re.sub(r' (width|height)="[^"]*"', "", head)
    head += f' style="max-width: {figure.get_figwidth() * MOST_DPI:.0f}px"'
    svg = f"{head}>{rest}".replace(PALETTE[0], "var(--accent)")
    return svg.replace(FOREGROUND, "currentColor").replace("'DejaVu Sans'", "inherit")
