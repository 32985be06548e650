"""A still life by a window: jug, bottle, bowl of fruit, lemon, pear, grapes, a white cloth."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from painting.fields import Array, smoothstep
from painting.marcher import (
    Camera,
    Paint,
    Part,
    Scene,
    develop,
    first_hit,
    occlusion,
    render,
    shadow,
)
from painting.solids import (
    Distance,
    Grain,
    balls,
    box,
    capsule,
    column,
    dot,
    length,
    sphere,
    union,
    unit,
)
from painting.turning import placed, turned

ASPECT = 0.75
EXPOSURE = 0.50
FAR = 14.0
CAMERA = Camera(eye=(0.15, 1.75, -5.2), target=(0.10, 0.60, 0.0), zoom=2.75)
LAMP = column((-3.4, 3.6, -2.6))  # the middle of the window
WINDOW_SIZE = 0.16  # radius over distance: how soft the shadows are
SUN = column((1.0, 0.90, 0.72)) * 3.1
SKYLIGHT = column((0.42, 0.50, 0.66)) * 0.75
BOUNCE = column((0.95, 0.62, 0.38)) * 0.16  # warm light thrown back by the table
GRAIN = Grain(17)
EDGE, ROUNDING = -1.30, 0.07  # where the cloth falls over the table's edge, and how softly


def picture(width: int) -> Array:
    """The still life, ``[H, W, 3]`` in [0, 1]."""
    scene = _parts()

    def trace(origin: Array, direction: Array) -> Array:
        return _shade(scene, origin, direction, mirrors=True)

    return develop(render(trace, CAMERA, width, ASPECT), EXPOSURE)


def _shade(scene: Scene, origin: Array, direction: Array, mirrors: bool) -> Array:
    """Linear colour ``[3, N]`` seen along each ray."""
    colour = _surroundings(direction)
    hits = first_hit(scene, origin, direction, FAR, 0.0015)
    lit = hits.colour * _light(scene, hits.point, hits.normal)
    colour[:, hits.rays] = lit
    shiny = np.flatnonzero(hits.gloss)
    if mirrors and shiny.size:
        ray, normal = direction[:, hits.rays[shiny]], hits.normal[:, shiny]
        facing = -dot(ray, normal)
        start = hits.point[:, shiny] + normal * 0.01
        seen = _shade(scene, start, unit(ray + 2 * facing * normal), mirrors=False)
        share = hits.gloss[shiny] * (0.04 + 0.96 * np.clip(1 - facing, 0, 1) ** 5)  # Schlick
        colour[:, hits.rays[shiny]] += share * (seen - lit[:, shiny] * 0.5)
    return colour


def _light(scene: Scene, point: Array, normal: Array) -> Array:
    """Light arriving at each point: the window, the room, and what the table throws back."""
    towards = LAMP - point
    away = length(towards)
    towards = towards / away
    facing = np.clip(dot(normal, towards) * 0.92 + 0.08, 0, 1)
    reached = np.zeros_like(facing)
    front = np.flatnonzero(facing > 0)
    reached[front] = shadow(scene, point[:, front], towards[:, front], 5.5, WINDOW_SIZE, 0.02)
    direct = facing * reached * (5.4 / away) ** 2
    openness = occlusion(scene, point, normal, 0.55)
    sky = openness * (0.55 + 0.45 * normal[1]) * (0.75 - 0.25 * normal[0])
    return SUN * direct + SKYLIGHT * sky + BOUNCE * openness * (0.6 - 0.4 * normal[1])


def _surroundings(direction: Array) -> Array:
    """What lies beyond the table: a dark room with a bright window that glazes mirror."""
    to_window = unit(LAMP - column((0, 0.7, 0)))
    right = unit(np.cross(to_window[:, 0], [0, 1, 0])[:, None])
    up = np.cross(right[:, 0], to_window[:, 0])[:, None]
    ahead = dot(direction, to_window)
    u = dot(direction, right) / np.maximum(ahead, 1e-3)
    v = dot(direction, up) / np.maximum(ahead, 1e-3)
    pane = (np.abs(u) < 0.34) & (np.abs(v) < 0.46) & (np.abs(u) > 0.025) & (np.abs(v) > 0.02)
    room = column((0.10, 0.085, 0.07)) * (0.6 + 0.5 * direction[1])
    return (room + column((15.0, 15.5, 17.0)) * (pane & (ahead > 0))).astype(np.float32)


def _flat(colour: Sequence[float]) -> Paint:
    return lambda p, n: np.broadcast_to(column(colour), p.shape)


def _mottled(dark: Sequence[float], light: Sequence[float], scale: float) -> Paint:
    def paint(p: Array, n: Array) -> Array:
        amount = np.clip(0.5 + 0.55 * GRAIN(p * scale), 0, 1)
        return column(dark) * (1 - amount) + column(light) * amount

    return paint


def _apple_paint(centre: Sequence[float]) -> Paint:
    """Red over yellow, streaked from the stalk down."""

    def paint(p: Array, n: Array) -> Array:
        q = p - column(centre)
        angle = np.arctan2(q[2], q[0])
        around = np.stack([np.cos(angle) * 4, q[1] * 1.2, np.sin(angle) * 4])
        streaks = 0.16 * GRAIN(around * 2.5) + 0.25 * GRAIN(column(centre) * 9 + q * 3)
        red = np.clip(0.72 + streaks + 0.45 * np.cos(angle + 2.2), 0, 1)
        return column((0.42, 0.03, 0.022)) * red + column((0.62, 0.36, 0.05)) * (1 - red)

    return paint


def _jug_paint(p: Array, n: Array) -> Array:
    """Cream glaze with two blue bands and a wavy line between them."""
    around = np.arctan2(p[2] - 0.35, p[0] + 0.95)
    height = p[1] + 0.012 * GRAIN(p * 9)
    bands = (np.abs(height - 0.92) < 0.022) | (np.abs(height - 0.60) < 0.022)
    body = np.hypot(p[0] + 0.95, p[2] - 0.35) < 0.485  # the handle stays plain
    wave = np.abs(height - 0.76 - 0.06 * np.sin(9 * around)) < 0.024
    ink = ((bands | wave) & body).astype(np.float32) * (0.8 + 0.25 * GRAIN(p * 14))
    ink = np.clip(ink, 0, 1)
    glaze = column((0.74, 0.69, 0.58)) * (1 + 0.05 * GRAIN(p * 5))
    return glaze * (1 - ink) + column((0.035, 0.08, 0.30)) * ink


def _wood_paint(p: Array, n: Array) -> Array:
    """Planks along x with grain."""
    plank = np.floor(p[2] / 0.62)
    rings = GRAIN(np.stack([p[0] * 0.55 + plank * 7.3, p[1] * 4, p[2] * 7 + plank * 3.1]), 4)
    tone = np.clip(0.5 + 0.35 * rings, 0, 1)
    seam = smoothstep(0.0, 0.018, np.abs(p[2] / 0.62 - np.round(p[2] / 0.62)) * 0.62)
    colour = column((0.13, 0.06, 0.026)) * (1 - tone) + column((0.38, 0.20, 0.09)) * tone
    return colour * (0.25 + 0.75 * seam)


def _wall_paint(p: Array, n: Array) -> Array:
    """Old plaster, lighter where the window reaches."""
    tone = 1 + 0.16 * GRAIN(p * 1.3, 5)
    return column((0.16, 0.135, 0.10)) * tone


def _cloth_height(x: Array, z: Array, inward: Array) -> Array:
    """Height of the cloth above the table: folds that run out from under the bowl.

    ``inward`` is the distance from the hem, where the cloth lies flat.
    """
    folds = 0.050 * np.sin(5.5 * x + 2.2 * z + 1.6 * np.sin(1.7 * z + x))
    folds += 0.028 * np.sin(11 * x - 4 * z + 2 * np.sin(2.3 * x))
    crumple = np.abs(np.sin(3.1 * x + 5.3 * z + 1.3 * np.sin(4 * x))) ** 0.7 * 0.035
    raised = 0.062 + folds + crumple
    return 0.012 + (0.018 + raised * smoothstep(-0.1, -0.9, z)) * smoothstep(0.0, 0.22, inward)


def _cloth(p: Array) -> Array:
    """A white cloth on the table that falls over its front edge in folds."""
    x, y, z = p
    left = -0.62 - 0.35 * z + 0.06 * np.sin(6 * z + 3 * y)
    right = 1.30 + 0.25 * z + 0.05 * np.sin(5 * z + 4 * y)
    back = 0.62 + 0.10 * np.sin(4 * x)
    inward = np.minimum(np.minimum(x - left, right - x), back - z)
    height = _cloth_height(x, np.maximum(z, EDGE), inward)
    top = np.maximum(y - height, EDGE - z)
    pleats = 0.085 * np.sin(9.5 * x + 0.6 + 1.1 * np.sin(3 * x)) + 0.025 * np.sin(23 * x + 1)
    front = EDGE - 0.10 - pleats * smoothstep(0.10, -0.45, y)
    hang = np.maximum(front - z, np.maximum(y - height, z - EDGE - 0.05))
    # a smooth minimum rounds the cloth over the table's edge
    blend = np.clip(0.5 + 0.5 * (top - hang) / ROUNDING, 0, 1)
    sheet = top + (hang - top) * blend - ROUNDING * blend * (1 - blend)
    return np.maximum(sheet, -inward) * 0.5


def _grapes(seed: int, at: Sequence[float], count: int) -> Distance:
    """A bunch: balls heaped on the cloth, thinning out to one side."""
    rng = np.random.default_rng(seed)
    centres: list[np.ndarray] = []
    while len(centres) < count:
        along = rng.beta(1.2, 2.0)
        spread = 0.17 * (1 - along) + 0.03
        c = np.array([along * 0.62, 0.0, 0.0]) + rng.normal(0, 1, 3) * [0.05, 0, spread]
        c[1] = 0.085 + rng.random() * 0.20 * (1 - along)
        if all(np.linalg.norm(c - other) > 0.125 for other in centres):
            centres.append(c)
    return balls(np.array(centres) + at, 0.08)


def _parts() -> list[Part]:
    jug = [(0.0, 0.0), (0.26, 0.0), (0.30, 0.03), (0.40, 0.30), (0.44, 0.60), (0.38, 0.92),
           (0.25, 1.15), (0.215, 1.30), (0.27, 1.45)]  # fmt: skip
    bottle = [(0.0, 0.0), (0.20, 0.0), (0.225, 0.03), (0.225, 0.55), (0.225, 1.05), (0.19, 1.24),
              (0.085, 1.42), (0.075, 1.60), (0.075, 1.78), (0.095, 1.79), (0.095, 1.86),
              (0.07, 1.87), (0.0, 1.87)]  # fmt: skip
    bowl = [(0.0, 0.05), (0.20, 0.05), (0.42, 0.14), (0.60, 0.32), (0.66, 0.44)]
    foot = [(0.0, 0.0), (0.26, 0.0), (0.24, 0.03), (0.21, 0.06), (0.0, 0.06)]
    apple = [(0.0, -0.17), (0.06, -0.205), (0.16, -0.17), (0.235, -0.02), (0.225, 0.10),
             (0.14, 0.18), (0.06, 0.17), (0.02, 0.13), (0.0, 0.12)]  # fmt: skip
    pear = [(0.0, -0.24), (0.10, -0.24), (0.22, -0.12), (0.225, 0.02), (0.15, 0.18), (0.105, 0.32),
            (0.07, 0.40), (0.0, 0.42)]  # fmt: skip
    lemon = [(0.0, -0.26), (0.035, -0.245), (0.06, -0.20), (0.15, -0.10), (0.175, 0.0),
             (0.15, 0.10), (0.06, 0.20), (0.03, 0.235), (0.0, 0.245)]  # fmt: skip
    at_jug, at_bowl = (-0.95, 0.0, 0.35), (0.42, 0.06, 0.05)
    handle = union(
        *(capsule(a, b, 0.042) for a, b in _arc((-1.14, 1.24, 0.35), (-1.33, 0.52, 0.35), -0.40))
    )
    orange = _mottled((0.72, 0.20, 0.012), (0.82, 0.30, 0.02), 14)
    yellow = _mottled((0.70, 0.46, 0.02), (0.86, 0.64, 0.06), 6)
    green = _mottled((0.42, 0.40, 0.05), (0.66, 0.56, 0.12), 5)
    linen = _mottled((0.70, 0.68, 0.64), (0.78, 0.76, 0.73), 3)
    teal = _mottled((0.02, 0.13, 0.17), (0.05, 0.24, 0.27), 4)
    purple = _mottled((0.05, 0.012, 0.06), (0.13, 0.03, 0.11), 7)
    dish = union(placed(turned(bowl, 0.035), at_bowl), placed(turned(foot), at_bowl))
    apples = [((0.20, 0.55, -0.16), 0.3, 0.4), ((0.66, 0.57, -0.08), -0.35, 1.9),
              ((-0.52, 0.22, -0.62), 0.25, 0.9)]  # fmt: skip
    oranges = [((0.42, 0.52, 0.26), 0.25), ((0.82, 0.50, 0.22), 0.22), ((0.44, 0.76, 0.04), 0.235)]
    return [
        Part(box((0.0, -0.2, 0.4), (9.0, 0.2, 1.75), 0.03), _wood_paint, (-9, -1, -2), (9, 0, 2.2)),
        Part(lambda p: 2.6 - p[2], _wall_paint, (-9, -9, 2.5), (9, 9, 3)),
        Part(_cloth, linen, (-1.4, -1.0, -1.6), (1.7, 0.2, 0.8)),
        _thing(union(placed(turned(jug, 0.04), at_jug), handle), _jug_paint,
               (-1.15, 0.72, 0.35), (0.68, 0.78, 0.48), 0.9),
        _thing(placed(turned(bottle), (-0.18, 0.0, 0.78)), _flat((0.012, 0.045, 0.018)),
               (-0.18, 0.93, 0.78), (0.24, 0.96, 0.24), 2.2),
        _thing(dish, teal, (0.42, 0.3, 0.05), (0.70, 0.32, 0.70), 1.0),
        *(_thing(sphere(at, r), orange, at, (r, r, r), 0.4) for at, r in oranges),
        *(_thing(placed(turned(apple), at, tilt, spin), _apple_paint(at), at, (0.26,) * 3, 0.55)
          for at, tilt, spin in apples),
        _thing(placed(turned(pear), (1.28, 0.25, 0.42), 0.14, 0.4), green,
               (1.28, 0.33, 0.42), (0.36, 0.40, 0.36), 0.35),
        _thing(placed(turned(lemon), (-0.02, 0.22, -0.92), 1.45, 0.5), yellow,
               (-0.02, 0.22, -0.92), (0.3, 0.3, 0.3), 0.4),
        _thing(_grapes(5, (0.55, 0.05, -0.86), 34), purple,
               (0.86, 0.20, -0.86), (0.60, 0.24, 0.62), 0.8),
    ]  # fmt: skip


def _thing(
    shape: Distance, paint: Paint, middle: Sequence[float], half: Sequence[float], gloss: float
) -> Part:
    """A glossy part in the box around ``middle`` with half edge lengths ``half``."""
    low, high = np.subtract(middle, half), np.add(middle, half)
    return Part(shape, paint, low, high, gloss)


def _arc(start: Sequence[float], end: Sequence[float], bulge: float) -> list[tuple]:
    """Segments of a handle that swings out by ``bulge`` along x."""
    t = np.linspace(0, 1, 11)[:, None]
    a, b = np.array(start), np.array(end)
    points = a + (b - a) * t + np.sin(np.pi * t**0.8) * np.array([bulge, 0.06, 0])
    return list(pairwise(points))
