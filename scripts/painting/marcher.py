"""A small ray marcher: signed distances, soft shadows, ambient occlusion.

Points and directions are arrays ``[3, N]``; x points right, y up, z away from the viewer. A
scene is a list of parts, each a signed distance and a surface. Method: Hart, "Sphere tracing"
(1996); soft shadows and occlusion after Quilez, https://iquilezles.org/articles/rmshadows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from painting.fields import Array, plane

Distance = Callable[[Array], Array]  # [3, N] -> [N]
Paint = Callable[[Array, Array], Array]  # points, normals [3, N] -> linear colours [3, N]
Index = NDArray[np.intp]
Trace = Callable[[Array, Array], Array]  # origins, directions [3, N] -> linear colours [3, N]

TOUCH = 6e-4  # relative distance at which a ray counts as having hit
RAYS_PER_BATCH = 1 << 15  # small enough for the processor's cache
EDGE = 0.10  # difference of neighbouring pixels that calls for more rays
EDGE_RAYS = 4


@dataclass(frozen=True)
class Part:
    """A thing in a scene: its shape, its colour, and how much it mirrors at grazing angles."""

    distance: Distance
    paint: Paint
    gloss: float = 0.0


@dataclass(frozen=True)
class Camera:
    """A pinhole camera at ``eye`` looking at ``target``; ``zoom`` is focal length / half width."""

    eye: tuple[float, float, float]
    target: tuple[float, float, float]
    zoom: float

    def rays(self, x: Array, y: Array, aspect: float) -> tuple[Array, Array]:
        """Origins and unit directions ``[3, N]`` through picture points in widths."""
        forward = unit(column(self.target) - column(self.eye))
        right = unit(np.cross([0, 1, 0], forward[:, 0])[:, None])
        up = np.cross(forward[:, 0], right[:, 0])[:, None]
        across, above = 2 * x - 1, aspect - 2 * y
        direction = unit(forward * self.zoom + right * across + up * above)
        origin = np.broadcast_to(column(self.eye), direction.shape)
        return origin.astype(np.float32), direction.astype(np.float32)


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


def bounded(shape: Distance, guard: Distance, margin: float) -> Distance:
    """``shape``, evaluated only within ``margin`` of the ``guard`` that encloses it.

    Further away the guard's own distance is returned, which is never too long.
    """

    def distance(p: Array) -> Array:
        away = guard(p)
        near = np.flatnonzero(away < margin)
        if near.size:
            away[near] = shape(p[:, near])
        return away

    return distance


def march(scene: Distance, origin: Array, direction: Array, far: float, steps: int = 140) -> Array:
    """Distance along each ray to the first hit, ``[N]``; infinite where nothing is hit."""
    travelled = np.full(origin.shape[1], 0.0, np.float32)
    result = np.full(origin.shape[1], np.inf, np.float32)
    alive = np.arange(origin.shape[1])
    for _ in range(steps):
        gap = scene(origin[:, alive] + direction[:, alive] * travelled[alive])
        hit = gap < TOUCH * (1 + travelled[alive])
        result[alive[hit]] = travelled[alive[hit]]
        travelled[alive] += gap
        alive = alive[~hit & (travelled[alive] < far)]
        if not alive.size:
            break
    return result


def normals(scene: Distance, points: Array, reach: float) -> Array:
    """Unit normals ``[3, N]`` from four samples at the corners of a tetrahedron."""
    corners = np.array([[1, -1, -1], [-1, -1, 1], [-1, 1, -1], [1, 1, 1]], np.float32)
    return unit(sum(k[:, None] * scene(points + k[:, None] * reach) for k in corners))


def first_hit(
    scene: Distance, origin: Array, direction: Array, far: float, reach: float
) -> tuple[Index, Array, Array, Array]:
    """Which rays hit something, how far away, where, and the normal there.

    Returns:
        Ray numbers ``[M]``, depths ``[M]``, points ``[3, M]`` and unit normals ``[3, M]``.
    """
    depth = march(scene, origin, direction, far)
    hit = np.flatnonzero(np.isfinite(depth))
    point = origin[:, hit] + direction[:, hit] * depth[hit]
    return hit, depth[hit], point, normals(scene, point, reach)


def shadow(
    scene: Distance, points: Array, light: Array, far: float, softness: float, start: float
) -> Array:
    """Share of ``light`` that reaches each point, ``[N]`` in [0, 1], with soft edges.

    Args:
        scene: What casts the shadow.
        points: Where the light falls, ``[3, N]``.
        light: Unit directions towards the light, ``[3, N]`` or ``[3, 1]``.
        far: How far to look for something in the way.
        softness: Radius of the light's disc at distance 1.
        start: Distance from the surface at which the search begins.
    """
    light = np.broadcast_to(light, points.shape)
    share = np.ones(points.shape[1], np.float32)
    travelled = np.full(points.shape[1], start, np.float32)
    alive = np.arange(points.shape[1])
    for _ in range(56):
        gap = scene(points[:, alive] + light[:, alive] * travelled[alive])
        share[alive] = np.minimum(share[alive], 0.5 + 0.5 * gap / (softness * travelled[alive]))
        travelled[alive] += np.clip(0.8 * np.abs(gap), start * 0.7, far / 8)
        alive = alive[(share[alive] > 0) & (travelled[alive] < far)]
        if not alive.size:
            break
    share = np.clip(share, 0, 1)
    return share * share * (3 - 2 * share)


def occlusion(scene: Distance, points: Array, normal: Array, reach: float) -> Array:
    """How open the surroundings of each point are, ``[N]``: 1 is open, 0 is a crevice."""
    blocked = np.zeros(points.shape[1], np.float32)
    for weight, fraction in ((0.5, 0.12), (0.35, 0.35), (0.25, 0.65), (0.18, 1.0)):
        height = fraction * reach
        gap = scene(points + normal * height)
        blocked += weight * np.clip(1 - gap / height, 0, 1)
    return np.clip(1 - 0.85 * blocked, 0, 1)


def surface(parts: Sequence[Part], points: Array, normal: Array) -> tuple[Array, Array]:
    """Colour ``[3, N]`` and gloss ``[N]`` of the nearest part at each point."""
    nearest = np.argmin([part.distance(points) for part in parts], axis=0)
    colour, gloss = np.zeros_like(points), np.zeros(points.shape[1], np.float32)
    for index, part in enumerate(parts):
        mine = np.flatnonzero(nearest == index)
        if mine.size:
            colour[:, mine] = part.paint(points[:, mine], normal[:, mine])
            gloss[mine] = part.gloss
    return colour, gloss


def render(trace: Trace, camera: Camera, width: int, aspect: float) -> Array:
    """Linear picture ``[H, W, 3]``; ``trace(origins, directions)`` gives each ray its colour.

    One ray a pixel, and ``EDGE_RAYS`` more where neighbouring pixels differ, against stairs.
    """
    x, y = plane(width, aspect)
    picture = _shoot(trace, camera, x.ravel(), y.ravel(), aspect).reshape(*x.shape, 3)
    seen = np.sqrt(np.clip(picture, 0, 1)).sum(-1)
    spread = np.zeros(x.shape, bool)
    for axis in (0, 1):
        step = np.abs(np.diff(seen, axis=axis)) > EDGE
        spread |= np.insert(step, 0, False, axis) | np.insert(step, step.shape[axis], False, axis)
    edge = np.flatnonzero(spread)
    total = np.zeros((edge.size, 3), np.float32)
    for k in range(EDGE_RAYS):  # a rotated grid
        angle = np.pi / 2 * k + 0.46
        dx, dy = 0.35 * np.cos(angle) / width, 0.35 * np.sin(angle) / width
        rays = _shoot(trace, camera, x.ravel()[edge] + dx, y.ravel()[edge] + dy, aspect)
        total += np.clip(rays, 0, 4)  # one glint must not burn the whole pixel
    picture.reshape(-1, 3)[edge] = total / EDGE_RAYS
    return picture


def _shoot(trace: Trace, camera: Camera, x: Array, y: Array, aspect: float) -> Array:
    """Colours ``[N, 3]`` seen through picture points."""
    origin, direction = camera.rays(x, y, aspect)
    colours = np.empty((x.size, 3), np.float32)
    for first in range(0, x.size, RAYS_PER_BATCH):
        part = slice(first, first + RAYS_PER_BATCH)
        colours[part] = trace(origin[:, part], direction[:, part]).T
    return colours


def develop(linear: Array, exposure: float = 1.0) -> Array:
    """Film curve (Narkowicz's fit of ACES) and sRGB transfer: linear light to [0, 1]."""
    light = np.maximum(linear * exposure, 0)
    film = light * (2.51 * light + 0.03) / (light * (2.43 * light + 0.59) + 0.14)
    film = np.clip(film, 0, 1)
    bright = 1.055 * np.maximum(film, 0.0031308) ** (1 / 2.4) - 0.055
    return np.where(film <= 0.0031308, film * 12.92, bright).astype(np.float32)


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
        t = t * t * (3 - 2 * t)
        low = floor.astype(np.int32) % self.SIZE
        high = (low + 1) % self.SIZE
        total = np.zeros(points.shape[1], np.float32)
        for corner in np.ndindex(2, 2, 2):
            i, j, k = (high[a] if corner[a] else low[a] for a in range(3))
            weight = np.prod([t[a] if corner[a] else 1 - t[a] for a in range(3)], axis=0)
            total += weight * self.lattice[(i * self.SIZE + j) * self.SIZE + k]
        return total
