"""Label placement on a chart, so that no label hides another, a point or a line."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]

DOT = 9  # room around a point, px
CANDIDATES = 100  # places per label whose leader lines are checked as well
LEADER_SAMPLES = 12  # points along a leader line
# What a fault costs, in px of distance between label and point: on a full chart lines are covered
# first, then points, and labels overlap only where nothing else is left.
COVERS_LABEL, COVERS_POINT, COVERS_LINE = 1000, 150, 8
CROSSES_LABEL, CROSSES_POINT = 30, 90


def around(
    anchors: Points,
    box: tuple[float, float],
    bounds: tuple[float, float, float, float],
    line: Points,
    points: Points,
) -> Points:
    """Places a label near each anchor without covering labels, points or lines if possible.

    Greedy: each label in turn takes the cheapest of many places around its anchor.

    Args:
        anchors: Points that are labelled, ``[N, 2]``, px.
        box: Width and height of a label, px.
        bounds: Left, bottom, right and top that labels stay inside, px.
        line: Samples of the lines, ``[M, 2]``, px.
        points: Further points not to cover, ``[K, 2]``, px.

    Returns:
        Centres of the labels, ``[N, 2]``, px.
    """
    size = np.array(box)
    low, high = np.array(bounds[:2]) + size / 2, np.array(bounds[2:]) - size / 2
    offsets, centres = _offsets(size), np.empty((0, 2))
    points = np.concatenate([anchors, points])
    for anchor in anchors:
        places = np.clip(anchor + offsets, low, np.maximum(low, high))
        cost = np.abs(places - anchor).max(axis=1) + _cover_cost(
            places, size, centres, points, line
        )
        cheapest = np.argsort(cost, kind="stable")[:CANDIDATES]
        leaders = _leaders(anchor, places[cheapest])
        others = anchors[(anchors != anchor).any(axis=1)]
        best = (cost[cheapest] + _crossing_cost(leaders, size, centres, others)).argmin()
        centres = np.vstack([centres, places[cheapest[best]]])
        line = np.vstack([line, leaders[best]])
    return centres


def _offsets(size: Points) -> Points:
    """Spreads places over rings around the origin, nearest first, ``[P, 2]``, px."""
    angles = np.linspace(0, 2 * math.pi, 24, endpoint=False) + math.pi / 2  # above comes first
    radii = np.arange(0.6, 8, 0.15)[:, None, None]
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return np.asarray((radii * size * circle).reshape(-1, 2), float)


def _cover_cost(
    places: Points, size: Points, centres: Points, points: Points, line: Points
) -> Points:
    """Adds up what labels at ``places`` would cover, ``[P]``."""
    return (
        COVERS_LABEL * _near(places, centres, size)
        + COVERS_POINT * _near(places, points, size / 2 + DOT)
        + COVERS_LINE * _near(places, line, size / 2)
    )


def _leaders(anchor: Points, places: Points) -> Points:
    """Samples straight lines from an anchor to places, ``[P, S, 2]``."""
    return anchor + np.linspace(0, 1, LEADER_SAMPLES)[:, None] * (places - anchor)[:, None]


def _crossing_cost(leaders: Points, size: Points, centres: Points, others: Points) -> Points:
    """Adds up what leader lines would cross: labels at ``centres`` and other points, ``[P]``."""
    samples = leaders.reshape(-1, 2)
    cost = CROSSES_LABEL * _near(samples, centres, size / 2)
    cost += CROSSES_POINT * _near(samples, others, np.array((DOT, DOT)))
    return np.asarray(cost.reshape(-1, LEADER_SAMPLES).sum(axis=1), float)


def _near(places: Points, others: Points, reach: Points) -> Points:
    """Counts the others within ``reach`` of each place in both directions, ``[P]``."""
    across, up = (np.abs(np.subtract.outer(places[:, k], others[:, k])) < reach[k] for k in (0, 1))
    return np.asarray((across & up).sum(axis=1), float)


def along(front: Points) -> Points:
    """Samples the steps between points every few px.

    Args:
        front: The points, ``[N, 2]``, by their first coordinate, px.

    Returns:
        Samples of the line, ``[M, 2]``, px.
    """
    corners = np.repeat(front, 2, axis=0)[1:]
    corners[1::2, 1] = corners[0::2, 1][: len(corners[1::2])]
    samples = [np.linspace(a, b, 2 + int(np.abs(b - a).max() / 12)) for a, b in pairwise(corners)]
    return np.concatenate(samples) if samples else front
