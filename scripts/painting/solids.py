"""Solids as signed distances, vectors, and noise in space.

Points are arrays ``[3, N]``; x points right, y up, z away from the viewer. A signed distance is
negative inside; formulas after Quilez, https://iquilezles.org/articles/distfunctions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from painting.fields import Array

Distance = Callable[[Array], Array]  # [3, N] -> [N]


def column(vector: Sequence[float]) -> Array:
    """A vector as ``[3, 1]``."""
    return np.array(vector, np.float32)[:, None]


def length(vectors: Array) -> Array:
    """Lengths ``[N]`` of vectors ``[3, N]``; several times as fast as a norm over axis 0."""
    x, y, z = vectors
    return np.sqrt(x * x + y * y + z * z)


def dot(a: Array, b: Array) -> Array:
    """Inner products ``[N]`` of vectors ``[3, N]``."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def unit(vectors: Array) -> Array:
    """Vectors ``[3, N]`` scaled to length 1."""
    return vectors / np.maximum(length(vectors), 1e-9)


def union(*shapes: Distance) -> Distance:
    """All shapes together."""

    def distance(p: Array) -> Array:
        nearest = shapes[0](p)
        for shape in shapes[1:]:
            nearest = np.minimum(nearest, shape(p))
        return nearest

    return distance


def sphere(centre: Sequence[float], radius: float) -> Distance:
    """A ball."""
    c = column(centre)
    return lambda p: length(p - c) - np.float32(radius)


def balls(centres: Sequence[Sequence[float]], radius: float) -> Distance:
    """Many balls of one size, all distances from one matrix product."""
    c = np.array(centres, np.float32)
    squares = (c * c).sum(1)[:, None]

    def distance(p: Array) -> Array:
        nearest = (squares - 2 * (c @ p)).min(0) + dot(p, p)
        return np.sqrt(np.maximum(nearest, 0)) - np.float32(radius)

    return distance


def box(centre: Sequence[float], half: Sequence[float], rounding: float = 0.0) -> Distance:
    """A box with half edge lengths ``half`` and rounded edges."""
    c, h, r = column(centre), column(half) - np.float32(rounding), np.float32(rounding)

    def distance(p: Array) -> Array:
        q = np.abs(p - c) - h
        inside = np.minimum(np.maximum(np.maximum(q[0], q[1]), q[2]), 0)
        return length(np.maximum(q, 0)) + inside - r

    return distance


def capsule(start: Sequence[float], end: Sequence[float], radius: float) -> Distance:
    """A round stick from ``start`` to ``end``."""
    a, line = column(start), column(end) - column(start)
    squared = np.float32((line**2).sum())

    def distance(p: Array) -> Array:
        q = p - a
        along = np.clip(dot(q, line) / squared, 0, 1)
        return length(q - line * along) - np.float32(radius)

    return distance


class Grain:
    """Smooth noise in space: a random lattice that repeats every ``SIZE`` cells."""

    SIZE = 32

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.lattice = rng.standard_normal(self.SIZE**3).astype(np.float32)

    def __call__(self, points: Array, octaves: int = 3) -> Array:
        """Fractal noise at ``points [3, N]``, mean 0, deviation about 0.6; cells of size 1."""
        return sum(self._octave(points * 2.03**k) / 2**k for k in range(octaves))

    def _octave(self, points: Array) -> Array:
        floor = np.floor(points)
        t = points - floor
        tx, ty, tz = t * t * (3 - 2 * t)
        x0, y0, z0 = floor.astype(np.int32) % self.SIZE
        x1, y1, z1 = (x0 + 1) % self.SIZE, (y0 + 1) % self.SIZE, (z0 + 1) % self.SIZE

        def along_z(x: Array, y: Array) -> Array:
            corner = (x * self.SIZE + y) * self.SIZE
            near = self.lattice[corner + z0]
            return near + tz * (self.lattice[corner + z1] - near)

        low, high = along_z(x0, y0), along_z(x1, y0)
        low = low + ty * (along_z(x0, y1) - low)
        high = high + ty * (along_z(x1, y1) - high)
        return low + tx * (high - low)
