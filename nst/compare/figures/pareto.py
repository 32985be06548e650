"""One metric against another: labelled thumbnails of the marks, and the Pareto front."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from functools import partial

import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.offsetbox import AnnotationBbox, OffsetImage, TextArea, VPacker
from matplotlib.transforms import IdentityTransform
from PIL import Image

from nst.compare.captions import INK, PALE
from nst.compare.figures.labels import Points, along, around
from nst.compare.figures.look import PALETTE, colour, render
from nst.compare.figures.marks import Mark, fronts, marks
from nst.compare.gallery import Gallery
from nst.compare.load import RunRecord
from nst.compare.thumbnails import fitted
from nst.metrics.table import EVERY

DPI = 100
THUMBNAIL = (136, 136)  # bounding box of a picture, px
TEXT_LINE = 17  # height of a line of a label, px
MOST_CARDS = 200  # of more marks, there is room for those on a front only
CROWDING = 0.3  # share of the axes that thumbnails may cover
SIDES = (11.0, 60.0)  # minimum and maximum width of the chart, inches
LOG_FROM = 20.0  # ratio of largest to smallest distance above which an axis is logarithmic
LOG_LEAST = 1e-100  # smallest distance that a logarithmic axis has room below
OTHER = PALETTE[-1]  # colour of marks that are on no front


@style.context("default")
def draw(
    runs: Sequence[RunRecord], keys: Sequence[str], gallery: Gallery, metrics: Sequence[str]
) -> Image.Image:
    """Draws the chart; runs without both metrics are only counted, in its heading.

    Args:
        runs: With their settings.
        keys: That differ, for the labels.
        gallery: The pictures.
        metrics: The two to draw, across and up.
    """
    drawn = marks(runs, keys, gallery, metrics)
    places = [place for mark in drawn for place in mark.places.tolist()]
    lines = max((len(mark.label) for mark in drawn), default=1)
    box = (THUMBNAIL[0] + 14, THUMBNAIL[1] + 10 + TEXT_LINE * lines)
    figure, axes = _canvas(min(len(drawn), MOST_CARDS), box)
    found = fronts(drawn, metrics)
    _dress(figure, axes, metrics, len(runs) - len(places), several=len(found) > 1)
    _zoom(axes, places, box)
    if drawn:
        _pin(figure, axes, drawn, found, box)
    else:
        axes.text(0.5, 0.5, "no run has both metrics", transform=axes.transAxes, ha="center")
    return Image.open(io.BytesIO(render(figure, format="png"))).convert("RGB")


def _canvas(count: int, box: tuple[float, float]) -> tuple[Figure, Axes]:
    """Makes a figure with room for ``count`` boxes."""
    area = count * box[0] * box[1] / DPI**2 / CROWDING  # square inches
    width = min(max(SIDES[0], math.sqrt(area / 0.7) + 2), SIDES[1])
    figure = Figure((width, 0.72 * width), DPI, facecolor=PALE)
    return figure, figure.add_axes((0.08, 0.1, 0.91, 0.84))


def _pin(
    figure: Figure,
    axes: Axes,
    marks: Sequence[Mark],
    found: Sequence[Sequence[int]],
    box: tuple[float, float],
) -> None:
    """Draws the fronts, and for each mark a dot, a card and a leader line, where there is room."""
    colours = {i: colour(n, len(found)) for n, front in enumerate(found) for i in front}
    for front in found:
        x, y = zip(*(marks[i].mean for i in front), strict=True)
        axes.plot(x, y, drawstyle="steps-post", color=colours[front[0]], linewidth=2)
    figure.draw_without_rendering()  # from here on, positions in px are known
    anchors = np.array([axes.transData.transform(mark.mean) for mark in marks])
    (left, bottom), (right, top) = axes.get_window_extent().get_points()
    seeds = axes.transData.transform(np.concatenate([mark.places for mark in marks]))
    lines = np.concatenate([along(anchors[front]) for front in found])
    shown = list(range(len(marks)) if len(marks) <= MOST_CARDS else colours)[:MOST_CARDS]
    centres = around(anchors[shown], box, (left, bottom, right, top), lines, seeds)
    for index, centre in zip(shown, centres, strict=True):
        look = colours.get(index, OTHER)
        leader = np.array([anchors[index], centre]).T
        axes.add_artist(Line2D(*leader, color=look, linewidth=1, transform=IdentityTransform()))
        card = _card(marks[index].picture, marks[index].label)
        axes.add_artist(_pinned(card, centre, look))
    for index, mark in enumerate(marks):
        _dot(axes, mark, colours.get(index, OTHER))


def _dot(axes: Axes, mark: Mark, look: str) -> None:
    """Draws the mean of a mark, and its seeds around it."""
    if len(mark.places) > 1:
        axes.plot(*mark.places.T, "o", color=look, ms=4, alpha=0.6, zorder=8)
        x_error, y_error = mark.places.std(axis=0, ddof=1)
        axes.errorbar(*mark.mean, y_error, x_error, color=look, linewidth=1.5, zorder=8)
    axes.plot(*mark.mean, "o", color=look, mec="white", ms=9, zorder=9)


def _dress(
    figure: Figure, axes: Axes, metrics: Sequence[str], left_out: int, *, several: bool
) -> None:
    across, up = (EVERY[name] for name in metrics)
    axes.set_facecolor("white")
    axes.grid(color="#e4e4e4")
    axes.set_axisbelow(True)
    size = 1.1 * figure.get_figwidth()  # a large chart is viewed at a smaller scale
    axes.tick_params(labelsize=size * 0.85)
    axes.set_xlabel(across.axis, color=INK, size=size)
    axes.set_ylabel(up.axis, color=INK, size=size)
    front = "the Pareto front of each content and style" if several else "the Pareto front"
    heading = f"Lines: {front}"
    if across.better == up.better == "lower":
        heading = f"Lower left is better; {heading.lower()}"
    missing = f"   ({left_out} without both metrics not shown)" if left_out else ""
    figure.suptitle(heading + missing, color=INK, size=size)


def _zoom(axes: Axes, points: Sequence[tuple[float, float]], box: tuple[float, float]) -> None:
    """Sets scales and limits so that a box fits between any point and the edge."""
    extent = axes.get_window_extent()
    for name, values, room in (
        ("x", [x for x, _ in points], box[0] / extent.width),
        ("y", [y for _, y in points], box[1] / extent.height),
    ):
        share = 1.1 * room / (1 - 2.2 * room)  # of the range of values
        low, high = min(values, default=0.0), max(values, default=1.0)
        if low > LOG_LEAST and high / low > LOG_FROM:
            factor = (high / low) ** share
            axes.set(**{f"{name}scale": "log", f"{name}lim": (low / factor, high * factor)})
        else:
            margin = share * ((high - low) or abs(high) or 1.0)
            axes.set(**{f"{name}lim": (low - margin, high + margin)})
            axis = axes.xaxis if name == "x" else axes.yaxis  # no label below 0 where no value is
            axis.set_major_formatter(partial(_tick, -math.inf if low < 0 else -1e-9))


def _tick(least: float, value: float, _: int | None) -> str:
    return f"{value:.6g}" if value > least else ""


def _card(picture: Image.Image | None, lines: Sequence[str]) -> VPacker:
    look = {"size": 9, "color": INK, "parse_math": False, "linespacing": 1.1}
    words = TextArea("\n".join(lines), textprops=look)
    if picture is None:
        return VPacker(children=[words], pad=3)
    image = OffsetImage(np.asarray(fitted(picture, THUMBNAIL)), zoom=1, dpi_cor=False)
    return VPacker(children=[image, words], align="center", pad=2, sep=2)


def _pinned(card: VPacker, centre: Points, colour: str) -> AnnotationBbox:
    look = {"edgecolor": colour, "linewidth": 1.5}
    return AnnotationBbox(
        card, (centre[0], centre[1]), xycoords="figure pixels", pad=0.1, bboxprops=look
    )
