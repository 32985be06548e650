"""What the Pareto chart shows: a mark per combination of settings, and the fronts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from nst.compare.captions import exemplar
from nst.compare.figures.labels import Points
from nst.compare.gallery import Gallery
from nst.compare.load import RunRecord
from nst.compare.settings import label, task
from nst.compare.statistics import Combination, by_combination, without_seed
from nst.metrics.table import EVERY


def pareto(points: Sequence[tuple[float, float]]) -> list[int]:
    """Finds the points that no other beats in both coordinates, sorted by the first."""
    front: list[int] = []
    for index in sorted(range(len(points)), key=lambda i: points[i]):
        if not front or points[index][1] < points[front[-1]][1]:
            front.append(index)
    return front


@dataclass(frozen=True)
class Mark:
    """One combination of settings on the chart: the mean of its runs, and a card.

    Attributes:
        places: Both metrics of each run, one per seed.
        task: See :func:`nst.compare.settings.task`.
        label: Lines of text.
        picture: Of one of the runs, if any has one.
    """

    places: Points
    task: Combination
    label: Sequence[str]
    picture: Image.Image | None

    @property
    def mean(self) -> tuple[float, float]:
        """Means of both metrics."""
        x, y = self.places.mean(axis=0)
        return float(x), float(y)


def marks(
    runs: Sequence[RunRecord], keys: Sequence[str], gallery: Gallery, metrics: Sequence[str]
) -> list[Mark]:
    """Makes a mark of each combination of which some run has both metrics."""
    placed = [run for run in runs if _place(run, metrics) is not None]
    groups = by_combination(placed, keys).values()
    return [_mark(group, keys, gallery, metrics) for group in groups]


def fronts(marks: Sequence[Mark], metrics: Sequence[str]) -> list[list[int]]:
    """Finds the front of each task."""
    across, up = (EVERY[name] for name in metrics)

    def badness(mark: Mark) -> tuple[float, float]:
        return across.badness(mark.mean[0]), up.badness(mark.mean[1])

    members: dict[Combination, list[int]] = {}
    for index, mark in enumerate(marks):
        members.setdefault(mark.task, []).append(index)
    return [[own[i] for i in pareto([badness(marks[i]) for i in own])] for own in members.values()]


def _mark(
    runs: Sequence[RunRecord], keys: Sequence[str], gallery: Gallery, metrics: Sequence[str]
) -> Mark:
    example = exemplar(runs, gallery)
    words = _lines(label(runs[0], keys if len(runs) == 1 else without_seed(keys)))
    return Mark(
        places=np.array([_place(run, metrics) for run in runs]),
        task=task(runs[0]),
        label=[*words, f"{len(runs)} runs"] if len(runs) > 1 else words,
        picture=gallery.results[example.folder].cell if example else None,
    )


def _place(run: RunRecord, metrics: Sequence[str]) -> tuple[float, float] | None:
    place = tuple(run.metrics.get(name, math.nan) for name in metrics)
    return (place[0], place[1]) if all(map(math.isfinite, place)) else None


def _lines(text: str) -> list[str]:
    """Breaks a label at its blanks into lines of about the thumbnail's width."""
    lines: list[str] = []
    for word in text.split():
        word = word if len(word) <= 20 else word[:19] + "…"
        if lines and len(lines[-1]) + len(word) < 20:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines[:4]
