"""Content distance against style distance: a labelled thumbnail a run, and the Pareto front."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.offsetbox import AnnotationBbox, OffsetImage, TextArea, VPacker
from matplotlib.transforms import IdentityTransform
from PIL import Image

from nst.compare.captions import INK, PALE
from nst.compare.handles import label
from nst.compare.portraits import Gallery, fitted
from nst.compare.reading import Run

Points = npt.NDArray[np.float64]

DPI = 100
THUMBNAIL = (128, 128)  # box of a picture, px
DOT = 9  # room around a point, px
TEXT_LINE = 15  # height of a line of a label, px
CROWDING = 0.3  # share of the axes that thumbnails may cover
SIDES = (11.0, 60.0)  # least and most width of the chart, inches
LOG_FROM = 20.0  # ratio of largest to smallest distance from which on an axis is logarithmic
FRONT, OTHER = "#0072b2", "#8a8a8a"  # told apart by lightness too


def pareto(points: Sequence[tuple[float, float]]) -> list[int]:
    """Finds the points that no other one beats in both coordinates, by the first coordinate."""
    front: list[int] = []
    for index in sorted(range(len(points)), key=lambda i: points[i]):
        if not front or points[index][1] < points[front[-1]][1]:
            front.append(index)
    return front


@style.context("default")
def draw(runs: Sequence[Run], keys: Sequence[str], gallery: Gallery) -> Image.Image:
    """Draws the chart; runs without both distances are counted above it.

    Args:
        runs: With their handles.
        keys: That make the labels.
        gallery: The pictures.
    """
    placed = {run: place for run in runs if (place := _place(run)) is not None}
    points = list(placed.values())
    labels = [_lines(label(run, keys)) for run in placed]
    box = (THUMBNAIL[0] + 14, THUMBNAIL[1] + 10 + TEXT_LINE * max(map(len, labels), default=1))
    figure, axes = _canvas(len(placed), box)
    _dress(figure, axes, len(runs) - len(placed))
    _zoom(axes, points, box)
    if points:
        pictures = [gallery.results.get(run.folder) for run in placed]
        cards = [
            _card(picture.cell if picture else None, lines)
            for picture, lines in zip(pictures, labels, strict=True)
        ]
        _pin(figure, axes, points, cards, box)
    else:
        axes.text(0.5, 0.5, "no run has both distances", transform=axes.transAxes, ha="center")
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return Image.open(file).convert("RGB")


def _canvas(count: int, box: tuple[float, float]) -> tuple[Figure, Axes]:
    """Makes a figure with room for so many boxes."""
    area = count * box[0] * box[1] / DPI**2 / CROWDING  # square inches
    width = min(max(SIDES[0], math.sqrt(area / 0.7) + 2), SIDES[1])
    figure = Figure((width, 0.72 * width), DPI, facecolor=PALE)
    return figure, figure.add_axes((0.08, 0.1, 0.91, 0.84))


def _pin(
    figure: Figure,
    axes: Axes,
    points: Sequence[tuple[float, float]],
    cards: Sequence[VPacker],
    box: tuple[float, float],
) -> None:
    """Draws the front, and a card with its leader and its dot for each point."""
    front = pareto(points)
    x, y = zip(*(points[i] for i in front), strict=True)
    axes.plot(x, y, drawstyle="steps-post", color=FRONT, linewidth=2)
    figure.draw_without_rendering()  # from here on, places in px are known
    anchors = np.array([axes.transData.transform(point) for point in points])
    (left, bottom), (right, top) = axes.get_window_extent().get_points()
    centres = around(anchors, box, (left, bottom, right, top), _along(anchors[front]))
    for index, (card, centre) in enumerate(zip(cards, centres, strict=True)):
        colour = FRONT if index in front else OTHER
        leader = np.array([anchors[index], centre]).T
        axes.add_artist(Line2D(*leader, color=colour, linewidth=1, transform=IdentityTransform()))
        axes.add_artist(_pinned(card, centre, colour))
        axes.plot(*points[index], "o", color=colour, mec="white", ms=9, zorder=9)


def around(
    anchors: Points,
    box: tuple[float, float],
    bounds: tuple[float, float, float, float],
    line: Points,
) -> Points:
    """Places a box for each anchor as near as it goes without covering boxes, anchors or lines.

    One after the other takes the best of many places around its anchor: on a full chart lines are
    covered first, then anchors, and boxes overlap only where nothing else is left.

    Args:
        anchors: Where the boxes belong, ``[N, 2]``, px.
        box: Width and height of each, px.
        bounds: Left, bottom, right and top that they stay inside, px.
        line: Points along a line, ``[M, 2]``, px.

    Returns:
        Centres, ``[N, 2]``, px.
    """
    size = np.array(box)
    low, high = np.array(bounds[:2]) + size / 2, np.array(bounds[2:]) - size / 2
    angles = np.linspace(0, 2 * math.pi, 24, endpoint=False) + math.pi / 2  # above comes first
    rings = np.arange(0.6, 8, 0.15)[:, None, None]
    ways = (rings * size * np.stack([np.cos(angles), np.sin(angles)], axis=1)).reshape(-1, 2)
    centres = np.empty((0, 2))
    for anchor in anchors:
        places = np.clip(anchor + ways, low, np.maximum(low, high))
        cost = np.abs(places - anchor).max(axis=1)
        cost += 1000 * _covered(places, centres, size)
        cost += 150 * _covered(places, anchors, size / 2 + DOT)
        cost += 8 * _covered(places, line, size / 2)
        places = places[np.argsort(cost, kind="stable")[:100]]  # of the best, how their leaders run
        leaders = anchor + np.linspace(0, 1, 12)[:, None] * (places - anchor)[:, None]
        crossed = _covered(leaders.reshape(-1, 2), centres, size / 2).reshape(-1, 12).sum(axis=1)
        best = (np.sort(cost, kind="stable")[:100] + 30 * crossed).argmin()
        centres = np.vstack([centres, places[best]])
        line = np.vstack([line, leaders[best]])
    return centres


def _covered(places: Points, others: Points, reach: Points) -> Points:
    """Counts how many others are nearer to each place than ``reach`` in both directions."""
    return np.asarray(
        (np.abs(places[:, None] - others[None]) < reach).all(axis=2).sum(axis=1), float
    )


def _along(front: Points) -> Points:
    """Samples the steps between points every few px."""
    corners = np.repeat(front, 2, axis=0)[1:]
    corners[1::2, 1] = corners[0::2, 1][: len(corners[1::2])]
    samples = [np.linspace(a, b, 2 + int(np.abs(b - a).max() / 12)) for a, b in pairwise(corners)]
    return np.concatenate(samples) if samples else front


def _place(run: Run) -> tuple[float, float] | None:
    place = tuple(run.metrics.get(f"{name}_distance", math.nan) for name in ("content", "style"))
    return (place[0], place[1]) if all(map(math.isfinite, place)) else None


def _lines(text: str) -> list[str]:
    """Breaks a label at its blanks into lines of about the thumbnail's width."""
    lines: list[str] = []
    for word in text.split():
        word = word if len(word) <= 22 else word[:21] + "…"
        if lines and len(lines[-1]) + len(word) < 22:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines[:4]


def _dress(figure: Figure, axes: Axes, left_out: int) -> None:
    axes.set_facecolor("white")
    axes.grid(color="#e4e4e4")
    axes.set_axisbelow(True)
    size = 1.1 * figure.get_figwidth()  # a large chart is looked at from further away
    axes.tick_params(labelsize=size * 0.85)
    axes.set_xlabel(
        "content distance   (0: the content image, 1: no structure left)", color=INK, size=size
    )
    axes.set_ylabel(
        "style distance   (0: the style's statistics, 1: the content's)", color=INK, size=size
    )
    heading = "Nearer to the lower left is better; blue: the Pareto front"
    missing = f"   ({left_out} without both distances not shown)" if left_out else ""
    figure.suptitle(heading + missing, color=INK, size=size)


def _zoom(axes: Axes, points: Sequence[tuple[float, float]], box: tuple[float, float]) -> None:
    """Sets scales and limits so that a box fits between any point and the edge."""
    extent = axes.get_window_extent()
    for values, room, set_scale, set_limits in (
        ([x for x, _ in points], box[0] / extent.width, axes.set_xscale, axes.set_xlim),
        ([y for _, y in points], box[1] / extent.height, axes.set_yscale, axes.set_ylim),
    ):
        share = 1.1 * room / (1 - 2.2 * room)  # of the range of values
        low, high = min(values, default=0.0), max(values, default=1.0)
        if low > 0 and high / low > LOG_FROM:
            set_scale("log")
            set_limits(low / (high / low) ** share, high * (high / low) ** share)
        else:
            margin = share * ((high - low) or abs(high) or 1.0)
            set_limits(low - margin, high + margin)


def _card(picture: Image.Image | None, lines: Sequence[str]) -> VPacker:
    look = {"size": 8, "color": INK, "parse_math": False, "linespacing": 1.1}
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
