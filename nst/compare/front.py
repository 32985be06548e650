"""Content distance against style distance: every run as a labelled thumbnail, and the Pareto front."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage, TextArea, VPacker
from PIL import Image

from nst.compare.captions import INK, PALE
from nst.compare.handles import label
from nst.compare.portraits import Gallery, fitted
from nst.compare.reading import Run

Points = npt.NDArray[np.float64]

DPI = 100
THUMBNAIL = (128, 128)  # box of a picture, px
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


def draw(runs: Sequence[Run], keys: Sequence[str], gallery: Gallery) -> Figure:
    """Draws the chart; runs without both distances are counted below it.

    Args:
        runs: With their handles.
        keys: That make the labels.
        gallery: The pictures.
    """
    shown = [run for run in runs if _place(run) is not None]
    points = [place for run in runs if (place := _place(run)) is not None]
    labels = [_lines(label(run, keys)) for run in shown]
    box = (THUMBNAIL[0] + 14, THUMBNAIL[1] + 10 + TEXT_LINE * max(map(len, labels), default=1))
    area = len(shown) * box[0] * box[1] / DPI**2 / CROWDING  # square inches
    width = min(max(SIDES[0], math.sqrt(area / 0.7) + 2), SIDES[1])
    figure = Figure((width, 0.72 * width), DPI, facecolor=PALE, layout="none")
    axes = figure.add_axes((0.9 / width, 0.75 / (0.72 * width), 1 - 1.1 / width, 1 - 1.35 / (0.72 * width)))
    _dress(figure, axes, points, len(runs) - len(shown))
    if not shown:
        axes.text(0.5, 0.5, "no run has both distances", transform=axes.transAxes, ha="center")
        return figure
    front = pareto(points)
    x, y = zip(*(points[i] for i in front), strict=True)
    axes.plot(x, y, drawstyle="steps-post", color=FRONT, linewidth=2, label="Pareto front")
    figure.draw_without_rendering()
    anchors = np.array([axes.transData.transform(point) for point in points])
    (left, bottom), (right, top) = axes.get_window_extent().get_points()
    centres = spread_out(anchors, box, (left, bottom, right, top))
    for index, run in enumerate(shown):
        colour = FRONT if index in front else OTHER
        picture = gallery.results.get(run.folder)
        content = _card(picture.cell if picture else None, labels[index], colour)
        axes.add_artist(_pinned(content, points[index], tuple(centres[index]), colour))
    for index, (px, py) in enumerate(points):
        axes.plot(px, py, "o", color=FRONT if index in front else OTHER, mec="white", ms=9, zorder=9)
    return figure


def spread_out(
    anchors: Points, box: tuple[float, float], bounds: tuple[float, float, float, float]
) -> Points:
    """Moves boxes apart until none covers another, each staying near its anchor.

    Args:
        anchors: Where the boxes belong, ``[N, 2]``, px.
        box: Width and height of each, px.
        bounds: Left, bottom, right and top that they stay inside, px.

    Returns:
        Centres, ``[N, 2]``, px.
    """
    size = np.array(box)
    low, high = np.array(bounds[:2]) + size / 2, np.array(bounds[2:]) - size / 2
    turns = np.arange(len(anchors)) * 2.39996  # the golden angle: equal anchors part as well
    centres = anchors + 0.1 * size * np.stack([np.cos(turns), np.sin(turns)], axis=1)
    for remaining in np.linspace(1.0, 0.0, 400):
        centres += 0.03 * remaining * (anchors - centres)
        apart = centres[:, None] - centres[None]
        overlap = size - np.abs(apart)
        touching = (overlap > 0).all(axis=2) & ~np.eye(len(anchors), dtype=bool)
        across = overlap[..., :1] / size[0] < overlap[..., 1:] / size[1]
        push = np.where(across, [1.0, 0.0], [0.0, 1.0]) * overlap * np.sign(apart) * touching[..., None]
        centres = np.clip(centres + 0.3 * push.sum(axis=1), low, np.maximum(low, high))
    return np.asarray(centres)


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


def _dress(figure: Figure, axes: Axes, points: Sequence[tuple[float, float]], left_out: int) -> None:
    axes.set_facecolor("white")
    axes.grid(color="#e4e4e4")
    axes.set_axisbelow(True)
    axes.set_xlabel("content distance   (0: the content image, 1: no structure left)", color=INK, size=12)
    axes.set_ylabel("style distance   (0: the style's statistics, 1: the content's)", color=INK, size=12)
    heading = "Nearer to the lower left is better; blue: the Pareto front"
    missing = f"   ({left_out} without both distances not shown)" if left_out else ""
    figure.suptitle(heading + missing, color=INK, size=13)
    for values, scale, limits in (
        ([p[0] for p in points], axes.set_xscale, axes.set_xlim),
        ([p[1] for p in points], axes.set_yscale, axes.set_ylim),
    ):
        low, high = min(values, default=0.0), max(values, default=1.0)
        if low > 0 and high / low > LOG_FROM:
            scale("log")
            limits(low / (high / low) ** 0.15, high * (high / low) ** 0.15)
        else:
            margin = 0.15 * (high - low) or 0.1 * abs(high) or 0.1
            limits(low - margin, high + margin)


def _card(picture: Image.Image | None, lines: Sequence[str], colour: str) -> VPacker:
    words = TextArea("\n".join(lines), {"size": 8, "color": INK, "parse_math": False, "linespacing": 1.1})
    if picture is None:
        return VPacker(children=[words], pad=3)
    image = OffsetImage(np.asarray(fitted(picture, THUMBNAIL)), zoom=1, dpi_cor=False)
    return VPacker(children=[image, words], align="center", pad=2, sep=2)


def _pinned(
    card: VPacker, point: tuple[float, float], centre: tuple[float, ...], colour: str
) -> AnnotationBbox:
    return AnnotationBbox(
        card,
        point,
        xybox=(centre[0], centre[1]),
        boxcoords="figure pixels",
        pad=0.1,
        bboxprops={"edgecolor": colour, "linewidth": 1.5},
        arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 1},
        annotation_clip=False,
    )
