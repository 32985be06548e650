"""A tree of golden spirals at night: tesserae laid along curves, gold, terracotta and teal.

The tiles are a centroidal Voronoi diagram in a turned chessboard metric, which packs squares
along a direction field: Hausner, "Simulating decorative mosaics" (SIGGRAPH 2001).
"""

from __future__ import annotations

import numpy as np

from painting.brush import OVERSAMPLING, Canvas, Index, reduce, varnish
from painting.fields import Array, Point, blur, mix, noise, plane, polygon, ramp, resize, ribbon, rgb

ASPECT = 0.80
SEED = 547
TILE = 0.0130  # side of a tessera
ROUNDS = 12  # of settling
CELLS_ACROSS = 4  # lattice points across a tile while the tiles settle
GROUT = rgb("3a3029")[0]
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


def _spiral(
    x: float, y: float, angle: float, length: float, turns: float, hand: int
) -> list[Point]:
    """A branch that starts at (x, y) and rolls up: its curvature grows along the way."""
    t = np.linspace(0, 1, 160)
    heading = angle + hand * 2 * np.pi * turns * (0.08 * t + 0.92 * t**2.6)
    step = length / len(t) * (1.25 - t) ** 0.75
    px = x + np.cumsum(step * np.cos(heading))
    py = y + np.cumsum(step * np.sin(heading))
    return list(zip(px.tolist(), py.tolist(), strict=True))


def _branches() -> list[tuple[list[Point], float]]:
    """Every branch with its width at the root."""
    half = np.pi / 2
    specs = [  # x, y, angle, length, turns, hand, width
        (0.50, 0.46, -half - 0.55, 0.80, 2.1, -1, 0.036), (0.50, 0.46, -half + 0.55, 0.80, 2.1, 1, 0.036),
        (0.49, 0.54, -half - 1.10, 0.95, 2.2, 1, 0.034), (0.51, 0.54, -half + 1.10, 0.95, 2.2, -1, 0.034),
        (0.50, 0.42, -half - 0.08, 0.62, 2.0, 1, 0.030), (0.49, 0.60, -half - 1.35, 0.78, 2.2, -1, 0.028),
        (0.51, 0.60, -half + 1.35, 0.78, 2.2, 1, 0.028), (0.36, 0.31, -half - 0.6, 0.42, 1.9, 1, 0.020),
        (0.64, 0.31, -half + 0.6, 0.42, 1.9, -1, 0.020), (0.26, 0.50, -2.6, 0.42, 1.9, 1, 0.019),
        (0.74, 0.50, -0.54, 0.42, 1.9, -1, 0.019),
    ]  # fmt: skip
    return [(_spiral(*spec[:6]), spec[6]) for spec in specs]


def _scene(x: Array, y: Array, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """The cartoon, the mask of its figures (whose contours the tiles follow), and the gold."""
    shape = (x.shape[0], x.shape[1])
    tone = 0.42 - 0.35 * (y - 0.3) + 0.16 * noise(shape, 9, rng)
    scene = ramp(np.clip(tone, 0, 1), NIGHT)
    trunk = [(0.40, 0.72), (0.455, 0.66), (0.468, 0.55), (0.482, 0.42), (0.518, 0.42), (0.532, 0.55),
             (0.545, 0.66), (0.60, 0.72)]  # fmt: skip
    tree = polygon(shape, trunk)
    for points, width in _branches():
        tree = np.maximum(tree, polygon(shape, ribbon(points, width, width * 0.62, width * 0.40)))
    gold = ramp(np.clip(0.60 + 0.22 * noise(shape, 30, rng) - 0.35 * (y - 0.35), 0, 1), GOLD)
    rim = np.clip(blur(tree, 0.010 * shape[1]) * 4, 0, 1) * (1 - tree)
    scene = mix(scene, rgb("0c1c2b")[0], rim * 0.85)
    scene = mix(scene, gold, tree)
    ground = (y > 0.705 + 0.018 * np.sin(7 * x + 0.6)).astype(np.float32)
    waves = np.sin(150 * (y - 0.018 * np.sin(7 * x + 0.6)) + 2 * np.sin(9 * x))
    scene = mix(scene, ramp(np.clip(0.5 + 0.3 * waves + 0.1 * noise(shape, 20, rng), 0, 1), EARTH), ground)
    glint, figure = tree * (1 - ground), np.maximum(tree, ground)
    for cx, cy, r in _blossoms():
        d = np.hypot(x - cx, y - cy) / r
        petals = ramp(np.clip(d, 0, 1), np.concatenate([GOLD[3:], EARTH[1:4], IVORY]))
        inside = (d < 1).astype(np.float32)
        scene, figure = mix(scene, petals, inside), np.maximum(figure * (1 - inside), inside * (d < 0.98))
        glint = np.where(d < 0.35, 1, glint * (1 - inside))
    frame = np.maximum(np.abs(x - 0.5) - 0.5, np.abs(y - ASPECT / 2) - ASPECT / 2)
    for depth, colour in ((0.040, EARTH[2]), (0.027, IVORY[0]), (0.014, EARTH[1])):
        scene = mix(scene, colour, (frame > -depth).astype(np.float32))
    figure = np.where(frame > -0.040, 1, figure)
    return scene, figure.astype(np.float32), glint * (frame < -0.04)


def _blossoms() -> list[tuple[float, float, float]]:
    """Middle and radius of the round blossoms."""
    return [(0.115, 0.125, 0.040), (0.885, 0.125, 0.040), (0.50, 0.10, 0.035), (0.105, 0.61, 0.036),
            (0.895, 0.61, 0.036), (0.32, 0.655, 0.026), (0.68, 0.655, 0.026)]  # fmt: skip


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
    trim = rng.uniform(0.80, 0.95, (2, count))
    edge = np.minimum(trim[0, owner] - np.abs(u), trim[1, owner] - np.abs(v)) + ragged
    solid = np.clip(edge * TILE / 2 * shape[1] / 1.2 + 0.5, 0, 1)
    tilt = rng.normal(0, 0.55, (2, count))
    dome = np.clip(edge / 0.28, 0, 1) * 3.0 + tilt[0, owner] * u + tilt[1, owner] * v
    sheen = 1 + 0.05 * noise(shape, 90, rng, octaves=3)
    grout = GROUT * (1 + 0.16 * noise(shape, 250, rng, octaves=2))[..., None]
    colour = mix(grout, colours[owner] * sheen[..., None], solid)
    return Canvas(colour.astype(np.float32), (dome * solid).astype(np.float32))
