"""Where labels go on a chart, so that none hides another, a point or a line."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]

DOT = 9  # room around a point, px


def around(
    anchors: Points,
    box: tuple[float, float],
    bounds: tuple[float, float, float, float],
    line: Points,
    points: Points,
) -> Points:
    """Places a box for each anchor as near as it goes without covering boxes, points or lines.

    One after the other takes the best of many places around its anchor: on a full chart lines are
    covered first, then points, and boxes overlap only where nothing else is left.

    Args:
        anchors: Where the boxes belong, ``[N, 2]``, px.
        box: Width and height of each, px.
        bounds: Left, bottom, right and top that they stay inside, px.
        line: Points along a line, ``[M, 2]``, px.
        points: Not to be covered either, ``[K, 2]``, px.

    Returns:
        Centres, ``[N, 2]``, px.
    """
    size = np.array(box)
    low, high = np.array(bounds[:2]) + size / 2, np.array(bounds[2:]) - size / 2
    angles = np.linspace(0, 2 * math.pi, 24, endpoint=False) + math.pi / 2  # above comes first
    rings = np.arange(0.6, 8, 0.15)[:, None, None]
    ways = (rings * size * np.stack([np.cos(angles), np.sin(angles)], axis=1)).reshape(-1, 2)
    centres, points = np.empty((0, 2)), np.concatenate([anchors, points])
    for anchor in anchors:
        places = np.clip(anchor + ways, low, np.maximum(low, high))
        cost = np.abs(places - anchor).max(axis=1)
        cost += 1000 * _covered(places, centres, size)
        cost += 150 * _covered(places, points, size / 2 + DOT)
        cost += 8 * _covered(places, line, size / 2)
        places = places[np.argsort(cost, kind="stable")[:100]]  # of the best, how their leaders run
        leaders = anchor + np.linspace(0, 1, 12)[:, None] * (places - anchor)[:, None]
        crossed = _covered(leaders.reshape(-1, 2), centres, size / 2).reshape(-1, 12).sum(axis=1)
        others = anchors[(anchors != anchor).any(axis=1)]
        crossed += 3 * _covered(leaders.reshape(-1, 2), others, np.array((DOT, DOT))).reshape(
            -1, 12
        ).sum(axis=1)
        best = (np.sort(cost, kind="stable")[:100] + 30 * crossed).argmin()
        centres = np.vstack([centres, places[best]])
        line = np.vstack([line, leaders[best]])
    return centres


def _covered(places: Points, others: Points, reach: Points) -> Points:
    """Counts how many others are nearer to each place than ``reach`` in both directions."""
    return np.asarray(
        (np.abs(places[:, None] - others[None]) < reach).all(axis=2).sum(axis=1), float
    )


def along(front: Points) -> Points:
    """Samples the steps between points every few px.

    Args:
        front: The points, ``[N, 2]``, by their first coordinate, px.

    Returns:
        Points along the line, ``[M, 2]``, px.
    """
    corners = np.repeat(front, 2, axis=0)[1:]
    corners[1::2, 1] = corners[0::2, 1][: len(corners[1::2])]
    samples = [np.linspace(a, b, 2 + int(np.abs(b - a).max() / 12)) for a, b in pairwise(corners)]
    return np.concatenate(samples) if samples else front
