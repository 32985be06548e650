"""A tree of golden spirals at night: tesserae laid along curves, gold, terracotta and teal.

The tiles are a centroidal Voronoi diagram in a turned chessboard metric, which packs squares
along a direction field: Hausner, "Simulating decorative mosaics" (SIGGRAPH 2001).
"""

from __future__ import annotations

import numpy as np

from painting.brush import OVERSAMPLING, Canvas, Index, reduce, varnish
from painting.fields import (
    Array,
    Point,
    blur,
    mix,
    noise,
    plane,
    polygon,
    ramp,
    resize,
    rgb,
    ribbon,
)

ASPECT = 0.80
SEED = 547
TILE = 0.0118  # side of a tessera
ROUNDS = 24  # of settling
CELLS_ACROSS = 4  # lattice points across a tile while the tiles settle
GROUT = rgb("2a2420")[0]
GOLD = rgb("7a4a12", "b57a1d", "d9a22e", "f0c655", "fbe7a0")
NIGHT = rgb("0f2a3d", "16465a", "1f6673", "3a8a8c", "7fb5a6")
EARTH = rgb("4a1a12", "7d2d1a", "a8452a", "c8683c", "e0a070")
IVORY = rgb("e9dfc6", "f6efdc")


def picture(width: int) -> Array:
    """The mosaic, ``[H, W, 3]`` in [0, 1]."""
    rng = np.random.default_rng(SEED)
    x, y = plane(round(width * OVERSAMPLING), ASPECT)
    scene, figure, glint = _scene(x, y, rng)
    angle = _along_contours(figure)
    centres = _settle(angle, figure, rng)
    return reduce(varnish(_lay(scene, glint, centres, angle, rng), depth=0.5, gloss=0.3), width)


# middle and radius of each coil on the left half, and where its stem leaves the trunk
COILS = [
    ((0.315, 0.190), 0.098, (0.492, 0.44)),
    ((0.135, 0.165), 0.078, (0.484, 0.50)),
    ((0.165, 0.385), 0.108, (0.480, 0.56)),
    ((0.368, 0.405), 0.072, (0.486, 0.53)),
    ((0.135, 0.600), 0.074, (0.474, 0.63)),
    ((0.320, 0.585), 0.066, (0.474, 0.66)),
]
TOP = ((0.495, 0.155), 0.082, (0.500, 0.44))
PITCH = 0.034  # distance between the turns of a coil
STEM, END = 0.028, 0.015  # width of a branch at the trunk and in the middle of its coil


def _branch(middle: Point, radius: float, root: Point, hand: int) -> list[Point]:
    """A stem that leaves ``root`` upwards, meets its coil along the tangent and rolls up."""
    dx, dy = root[0] - middle[0], root[1] - middle[1]
    contact = np.arctan2(dy, dx) + hand * np.arccos(min(1.0, radius / np.hypot(dx, dy)))
    touch = np.array(middle) + radius * np.array([np.cos(contact), np.sin(contact)])
    onward = hand * np.array([-np.sin(contact), np.cos(contact)])
    reach = np.hypot(*(touch - root))
    t = np.linspace(0, 1, 60)[:, None]
    # a cubic from straight up at the trunk to the coil's tangent
    rising, arriving = root + np.array([0, -0.35 * reach]), touch - 0.45 * reach * onward
    stem = (1 - t) ** 3 * np.array(root) + 3 * t * (1 - t) ** 2 * rising
    stem = stem + 3 * t**2 * (1 - t) * arriving + t**3 * touch
    turns = (radius - 0.008) / PITCH
    s = np.linspace(0, 1, 200)[1:, None]
    angle = contact + hand * 2 * np.pi * turns * s
    coil = middle + (radius - turns * PITCH * s) * np.concatenate([np.cos(angle), np.sin(angle)], 1)
    return [(float(px), float(py)) for px, py in np.concatenate([stem, coil])]


def _branches() -> list[list[Point]]:
    """Every branch; the right half mirrors the left."""
    left = [_branch(*coil, hand=1) for coil in COILS]
    right = [[(1 - px, py) for px, py in branch] for branch in left]
    return [_branch(*TOP, hand=-1), *left, *right]


def _scene(x: Array, y: Array, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """The cartoon, the mask of its figures (whose contours the tiles follow), and the gold."""
    shape = (x.shape[0], x.shape[1])
    tone = 0.42 - 0.35 * (y - 0.3) + 0.16 * noise(shape, 9, rng)
    scene = ramp(np.clip(tone, 0, 1), NIGHT)
    half_trunk = [(0.40, 0.72), (0.455, 0.66), (0.468, 0.55), (0.482, 0.42)]
    trunk = [*half_trunk, *((1 - px, py) for px, py in half_trunk[::-1])]
    tree = polygon(shape, trunk)
    for branch in _branches():
        tree = np.maximum(tree, polygon(shape, ribbon(branch, STEM, (STEM + END) / 2, END)))
    gold = ramp(np.clip(0.60 + 0.22 * noise(shape, 30, rng) - 0.35 * (y - 0.35), 0, 1), GOLD)
    rim = np.clip(blur(tree, 0.010 * shape[1]) * 4, 0, 1) * (1 - tree)
    scene = mix(scene, rgb("0c1c2b")[0], rim * 0.85)
    scene = mix(scene, gold, tree)
    depth = y - 0.705 - 0.018 * np.sin(7 * x + 0.6)
    ground = (depth > 0).astype(np.float32)
    layers = 0.5 + 0.3 * np.sin(150 * depth + 2 * np.sin(9 * x)) + 0.1 * noise(shape, 20, rng)
    scene = mix(scene, ramp(np.clip(layers, 0, 1), EARTH), ground)
    glint, figure = tree * (1 - ground), np.maximum(tree, ground)
    for cx, cy, r in _blossoms():
        d = np.hypot(x - cx, y - cy) / r
        petals = ramp(np.clip(d, 0, 1), np.concatenate([GOLD[3:], EARTH[1:4], IVORY]))
        inside = (d < 1).astype(np.float32)
        scene = mix(scene, petals, inside)
        figure = np.where(inside > 0, d < 0.98, figure)
        glint = np.where(d < 0.35, 1, glint * (1 - inside))
    frame = np.maximum(np.abs(x - 0.5) - 0.5, np.abs(y - ASPECT / 2) - ASPECT / 2)
    for inset, colour in ((0.040, EARTH[2]), (0.027, IVORY[0]), (0.014, EARTH[1])):
        scene = mix(scene, colour, (frame > -inset).astype(np.float32))
    figure = np.where(frame > -0.040, 1, figure)
    return scene, figure.astype(np.float32), glint * (frame < -0.04)


def _blossoms() -> list[tuple[float, float, float]]:
    """Middle and radius of the round blossoms."""
    left = [(0.235, 0.275, 0.026), (0.415, 0.285, 0.024), (0.275, 0.475, 0.026),
            (0.235, 0.660, 0.030), (0.405, 0.100, 0.026), (0.215, 0.090, 0.024),
            (0.075, 0.275, 0.022), (0.065, 0.495, 0.022), (0.385, 0.650, 0.022)]  # fmt: skip
    return [*left, *((1 - cx, cy, r) for cx, cy, r in left)]


def _along_contours(figure: Array) -> Array:
    """Angle of the nearest contour everywhere, ``[H, W]``: blurred structure, fine to coarse."""
    small = resize(figure, (figure.shape[0] // 3, figure.shape[1] // 3))
    cosine, sine, weight = (np.zeros(small.shape, np.float32) for _ in range(3))
    for reach, share in ((1.5, 1.0), (5, 0.30), (14, 0.05), (35, 0.008)):
        gy, gx = np.gradient(blur(small, 1.5))
        # an orientation is averaged as an angle doubled
        double_cos, double_sin = gx * gx - gy * gy, 2 * gx * gy
        cosine += share * blur(double_cos, reach)
        sine += share * blur(double_sin, reach)
        weight += share
    return _half_angle(cosine, sine, figure.shape)


def _half_angle(cosine: Array, sine: Array, shape: tuple[int, ...]) -> Array:
    """Half the angle of a doubled-angle field, at another size."""
    length = np.maximum(np.hypot(cosine, sine), 1e-12)
    target = (shape[0], shape[1])
    return 0.5 * np.arctan2(resize(sine / length, target), resize(cosine / length, target))


def _settle(angle: Array, figure: Array, rng: np.random.Generator) -> Array:
    """Centres ``[N, 2]`` (x, y in widths) of the tiles after Lloyd's iteration on a lattice."""
    columns = round(CELLS_ACROSS / TILE)
    rows = round(columns * ASPECT)
    coarse = _half_angle(np.cos(2 * angle), np.sin(2 * angle), (rows, columns))
    edges = np.hypot(*np.gradient(resize(figure, (rows, columns)))) > 0.30
    x, y = plane(columns, rows / columns)
    shape = (x.shape[0], x.shape[1])
    count = int(ASPECT / TILE**2)
    centres = rng.random((count, 2)).astype(np.float32) * [1, ASPECT]
    for _ in range(ROUNDS):
        owner, _, _ = _nearest(shape, centres, coarse, reach=3.0)
        owned = np.where(edges, count, owner).ravel()  # no tile may lie across a contour
        total = np.bincount(owned, minlength=count + 1)[:count]
        mean_x = np.bincount(owned, x.ravel(), count + 1)[:count] / np.maximum(total, 1)
        mean_y = np.bincount(owned, y.ravel(), count + 1)[:count] / np.maximum(total, 1)
        moved = np.stack([mean_x, mean_y], 1)
        centres = np.where(total[:, None] > 0, moved, rng.random((count, 2)) * [1, ASPECT])
    return centres.astype(np.float32)


def _nearest(
    shape: tuple[int, int], centres: Array, angle: Array, reach: float
) -> tuple[Index, Array, Array]:
    """Number of the nearest tile at each point, and the point's place on it in half sides.

    Every tile claims the points around it, one offset after the other, all tiles at once.
    """
    rows, columns = shape
    spot = np.clip((centres * columns).astype(np.int32), 0, [columns - 1, rows - 1])
    turn = angle[spot[:, 1], spot[:, 0]]
    cosine, sine = np.cos(turn), np.sin(turn)
    best, owner = np.full(shape, np.inf, np.float32), np.zeros(shape, np.intp)
    place_u, place_v = np.full(shape, 9.0, np.float32), np.full(shape, 9.0, np.float32)
    window = int(np.ceil(reach * TILE / 2 * columns))
    for down in range(-window, window + 1):
        for right in range(-window, window + 1):
            i, j = spot[:, 1] + down, spot[:, 0] + right
            dx = (j + 0.5) / columns - centres[:, 0]
            dy = (i + 0.5) / columns - centres[:, 1]
            u, v = (dx * cosine + dy * sine) * (2 / TILE), (dy * cosine - dx * sine) * (2 / TILE)
            far = np.maximum(np.abs(u), np.abs(v))
            valid = (i >= 0) & (i < rows) & (j >= 0) & (j < columns)
            mine = np.flatnonzero(valid & (far < best[np.clip(i, 0, rows - 1),
                                                     np.clip(j, 0, columns - 1)]))  # fmt: skip
            at = i[mine], j[mine]
            best[at], owner[at], place_u[at], place_v[at] = far[mine], mine, u[mine], v[mine]
    return owner, place_u, place_v


def _lay(
    scene: Array, glint: Array, centres: Array, angle: Array, rng: np.random.Generator
) -> Canvas:
    """Tiles of one colour each, a little tilted and chipped, pressed into dark grout."""
    shape = (scene.shape[0], scene.shape[1])
    owner, u, v = _nearest(shape, centres, angle, reach=2.4)
    spot = np.clip((centres * shape[1]).astype(np.int32), 0, [shape[1] - 1, shape[0] - 1])
    colours = scene[spot[:, 1], spot[:, 0]]
    golden = glint[spot[:, 1], spot[:, 0]]
    count = len(centres)
    colours = colours + rng.normal(0, 0.022, (count, 3)) + rng.normal(0, 0.045, (count, 1))
    # gold leaf under glass throws the light back from some tiles and not from others
    flash = golden * np.clip(rng.normal(0, 1, count), -1.2, 2.2)
    colours = colours * (1 + 0.17 * flash[:, None]) + 0.05 * np.maximum(flash, 0)[:, None]
    ragged = 0.05 * noise(shape, 120, rng, octaves=2)
    trim = rng.uniform(0.88, 1.06, (2, count))
    edge = np.minimum(trim[0, owner] - np.abs(u), trim[1, owner] - np.abs(v)) + ragged
    solid = np.clip(edge * TILE / 2 * shape[1] / 1.2 + 0.5, 0, 1)
    tilt = rng.normal(0, 0.55, (2, count))
    dome = np.clip(edge / 0.28, 0, 1) * 3.0 + tilt[0, owner] * u + tilt[1, owner] * v
    sheen = 1 + 0.05 * noise(shape, 90, rng, octaves=3)
    grout = GROUT * (1 + 0.16 * noise(shape, 250, rng, octaves=2))[..., None]
    colour = mix(grout, colours[owner] * sheen[..., None], solid)
    return Canvas(colour.astype(np.float32), (dome * solid).astype(np.float32))
