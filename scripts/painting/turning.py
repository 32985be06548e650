"""Bodies turned on a wheel: any profile becomes a signed distance, by a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from painting.fields import Array, Point, curve
from painting.solids import Distance, column

CELLS = 192  # of the table, along radius and height
MARGIN = 0.12  # room around the profile in the table


def turned(profile: Sequence[Point], wall: float = 0.0) -> Distance:
    """A body turned on a wheel around the y axis.

    Args:
        profile: Outline (radius, height) from bottom to top.
        wall: Thickness of a hollow body's wall; 0 makes the body solid.
    """
    line = np.array(curve(profile, 10), np.float32)
    low = np.array([0.0, line[:, 1].min() - MARGIN], np.float32)
    high = np.array([line[:, 0].max() + MARGIN, line[:, 1].max() + MARGIN], np.float32)
    table = _profile_distance(line, low, high, wall)
    scale = (CELLS - 1) / (high - low)

    def distance(p: Array) -> Array:
        radius, height = np.sqrt(p[0] ** 2 + p[2] ** 2), p[1]
        u, v = np.clip(radius, low[0], high[0]), np.clip(height, low[1], high[1])
        beyond = np.sqrt((radius - u) ** 2 + (height - v) ** 2)
        return np.where(
            beyond > 0,
            beyond + MARGIN * 0.9,
            _bilinear(table, (u - low[0]) * scale[0], (v - low[1]) * scale[1]),
        )

    return distance


def _profile_distance(line: Array, low: Array, high: Array, wall: float) -> Array:
    """Signed distance to a profile on a grid ``[CELLS, CELLS]`` over (radius, height)."""
    radius = np.linspace(low[0], high[0], CELLS, dtype=np.float32)[:, None, None]
    height = np.linspace(low[1], high[1], CELLS, dtype=np.float32)[None, :, None]
    start, step = line[:-1], np.diff(line, axis=0)
    along = (radius - start[:, 0]) * step[:, 0] + (height - start[:, 1]) * step[:, 1]
    along = np.clip(along / np.maximum((step**2).sum(1), 1e-12), 0, 1)
    gap = np.hypot(radius - start[:, 0] - along * step[:, 0],
                   height - start[:, 1] - along * step[:, 1]).min(-1)  # fmt: skip
    if wall:
        return (gap - wall / 2).astype(np.float32)
    above = (start[:, 1] <= height) != (line[1:, 1] <= height)
    rise = np.where(step[:, 1] == 0, 1, step[:, 1])
    crossing = start[:, 0] + (height - start[:, 1]) / rise * step[:, 0]
    # an odd number of crossings further out means inside
    inside = ((above & (radius < crossing)).sum(-1) % 2) == 1
    return np.where(inside, -gap, gap).astype(np.float32)


def _bilinear(table: Array, u: Array, v: Array) -> Array:
    i = np.clip(u.astype(np.int32), 0, CELLS - 2)
    j = np.clip(v.astype(np.int32), 0, CELLS - 2)
    s, t = u - i, v - j
    flat, at = table.reshape(-1), i * CELLS + j
    near = flat[at] * (1 - t) + flat[at + 1] * t
    far = flat[at + CELLS] * (1 - t) + flat[at + CELLS + 1] * t
    return near * (1 - s) + far * s


def placed(shape: Distance, at: Sequence[float], tilt: float = 0.0, turn: float = 0.0) -> Distance:
    """``shape`` tilted about z, turned about y, and moved so that its origin is ``at``."""
    c, s = np.cos(tilt), np.sin(tilt)
    lean = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]], np.float32)
    c, s = np.cos(turn), np.sin(turn)
    spin = np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]], np.float32)
    matrix, origin = lean @ spin, column(at)
    return lambda p: shape(matrix @ (p - origin))
