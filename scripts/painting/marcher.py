"""A small ray marcher: first hits, soft shadows, ambient occlusion.

Points and directions are arrays ``[3, N]``; x points right, y up, z away from the viewer. A
scene is a list of parts, each a signed distance in a box. Method: Hart, "Sphere tracing"
(1996); soft shadows and occlusion after Quilez, https://iquilezles.org/articles/rmshadows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from painting.fields import Array, plane
from painting.solids import Distance, column, unit

Paint = Callable[[Array, Array], Array]  # points, normals [3, N] -> linear colours [3, N]
Index = NDArray[np.intp]
Trace = Callable[[Array, Array], Array]  # origins, directions [3, N] -> linear colours [3, N]

TOUCH = 6e-4  # relative distance at which a ray counts as having hit
RAYS_PER_BATCH = 1 << 13  # small enough for the processor's cache
TILES = 12  # across the picture
STEPS = 90
PENUMBRA = 0.5  # share of the widest penumbra for which boxes are enlarged
EDGE = 0.10  # difference of neighbouring pixels that calls for more rays
EDGE_RAYS = 4


@dataclass(frozen=True)
class Part:
    """A thing in a scene.

    Attributes:
        distance: Its shape.
        paint: Its colour.
        low: Lower corner of a box that encloses the shape.
        high: Upper corner.
        gloss: How much it mirrors, most at grazing angles.
    """

    distance: Distance
    paint: Paint
    low: Sequence[float]
    high: Sequence[float]
    gloss: float = 0.0

    def crossing(self, origin: Array, inverse: Array, margin: float) -> tuple[Index, Array, Array]:
        """Which rays cross the box, enlarged by ``margin``, and where they enter and leave it.

        ``inverse`` is 1 / direction, ``[3, N]``.
        """
        one = (column(self.low) - np.float32(margin) - origin) * inverse
        two = (column(self.high) + np.float32(margin) - origin) * inverse
        first, last = np.minimum(one, two), np.maximum(one, two)
        enter = np.maximum(np.maximum(first[0], first[1]), np.maximum(first[2], 0))
        leave = np.minimum(np.minimum(last[0], last[1]), last[2])
        rays = np.flatnonzero(leave >= enter)
        return rays, enter[rays], leave[rays]

    def near(self, points: Array, margin: float) -> Index:
        """Which points lie in the box, enlarged by ``margin``."""
        inside = (points > column(self.low) - margin) & (points < column(self.high) + margin)
        return np.flatnonzero(inside[0] & inside[1] & inside[2])


Scene = Sequence[Part]  # every question is put only to the parts whose box is concerned


@dataclass(frozen=True)
class Hits:
    """Where rays met a scene: ``M`` of them, with all that is needed to light them."""

    rays: Index
    depth: Array
    point: Array
    normal: Array
    colour: Array
    gloss: Array


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


def normals(shape: Distance, points: Array, reach: float) -> Array:
    """Unit normals ``[3, N]`` from four samples at the corners of a tetrahedron."""
    total = np.zeros_like(points)
    for corner in ((1, -1, -1), (-1, -1, 1), (-1, 1, -1), (1, 1, 1)):
        total += column(corner) * shape(points + column(corner) * np.float32(reach))
    return unit(total)


def march(scene: Scene, origin: Array, direction: Array, far: float) -> tuple[Array, Index]:
    """Depth of the first hit along each ray, ``far`` if there is none, and the part's number."""
    inverse = _inverse(direction)
    depth = np.full(origin.shape[1], far, np.float32)
    owner = np.full(origin.shape[1], -1, np.intp)
    for number, part in enumerate(scene):
        rays, travelled, leave = part.crossing(origin, inverse, 0.0)
        leave = np.minimum(leave, depth[rays])
        for _ in range(STEPS):
            going = travelled < leave
            rays, travelled, leave = rays[going], travelled[going], leave[going]
            if not rays.size:
                break
            gap = part.distance(origin[:, rays] + direction[:, rays] * travelled)
            hit = gap < TOUCH * (1 + travelled)
            depth[rays[hit]], owner[rays[hit]] = travelled[hit], number
            leave[hit] = 0
            travelled = travelled + gap
    return depth, owner


def _inverse(direction: Array) -> Array:
    return 1 / np.where(np.abs(direction) < 1e-7, np.float32(1e-7), direction)


def first_hit(scene: Scene, origin: Array, direction: Array, far: float, reach: float) -> Hits:
    """What each ray meets first; ``reach`` is the size of the detail that normals show."""
    depth, owner = march(scene, origin, direction, far)
    rays = np.flatnonzero(owner >= 0)
    point = origin[:, rays] + direction[:, rays] * depth[rays]
    normal, colour = np.zeros_like(point), np.zeros_like(point)
    gloss = np.zeros(rays.size, np.float32)
    for number in np.unique(owner[rays]):
        part, mine = scene[number], np.flatnonzero(owner[rays] == number)
        normal[:, mine] = normals(part.distance, point[:, mine], reach)
        colour[:, mine] = part.paint(point[:, mine], normal[:, mine])
        gloss[mine] = part.gloss
    return Hits(rays, depth[rays], point, normal, colour, gloss)


def shadow(
    scene: Scene, points: Array, light: Array, far: float, softness: float, start: float
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
    inverse = _inverse(light)
    share = np.ones(points.shape[1], np.float32)
    for part in scene:
        rays, travelled, leave = part.crossing(points, inverse, PENUMBRA * softness * far)
        travelled, leave = np.maximum(travelled, start), np.minimum(leave, far)
        for _ in range(STEPS):
            going = (travelled < leave) & (share[rays] > 0)
            rays, travelled, leave = rays[going], travelled[going], leave[going]
            if not rays.size:
                break
            gap = part.distance(points[:, rays] + light[:, rays] * travelled)
            share[rays] = np.minimum(share[rays], 0.5 + 0.5 * gap / (softness * travelled))
            travelled = travelled + np.clip(0.4 * np.abs(gap), start * 0.7, far / 12)
    share = np.clip(share, 0, 1)
    return share * share * (3 - 2 * share)


def occlusion(scene: Scene, points: Array, normal: Array, reach: float) -> Array:
    """How open the surroundings of each point are, ``[N]``: 1 is open, 0 is a crevice."""
    heights = np.array([0.12, 0.35, 0.65, 1.0], np.float32) * np.float32(reach)
    gaps = np.tile(heights[:, None], points.shape[1])
    for part in scene:
        near = part.near(points, reach)
        if near.size:
            for height, gap in zip(heights, gaps, strict=True):
                probe = points[:, near] + normal[:, near] * height
                gap[near] = np.minimum(gap[near], part.distance(probe))
    weights = np.array([0.5, 0.35, 0.25, 0.18], np.float32)
    blocked = weights @ np.clip(1 - gaps / heights[:, None], 0, 1)
    return np.clip(1 - 0.85 * blocked, 0, 1)


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
    """Colours ``[N, 3]`` seen through picture points; a batch is a tile, so it meets few parts."""
    origin, direction = camera.rays(x, y, aspect)
    colours = np.empty((x.size, 3), np.float32)
    tiles = np.lexsort((np.floor(x * TILES), np.floor(y * TILES)))
    for first in range(0, x.size, RAYS_PER_BATCH):
        part = tiles[first : first + RAYS_PER_BATCH]
        colours[part] = trace(origin[:, part], direction[:, part]).T
    return colours


def develop(linear: Array, exposure: float = 1.0) -> Array:
    """Film curve (Narkowicz's fit of ACES) and sRGB transfer: linear light to [0, 1]."""
    light = np.maximum(linear * exposure, 0)
    film = light * (2.51 * light + 0.03) / (light * (2.43 * light + 0.59) + 0.14)
    film = np.clip(film, 0, 1)
    bright = 1.055 * np.maximum(film, 0.0031308) ** (1 / 2.4) - 0.055
    return np.where(film <= 0.0031308, film * 12.92, bright).astype(np.float32)
