"""A summer park at a river in dots of divided colour, in the manner of Seurat and Signac."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from painting.brush import OVERSAMPLING, Brush, Canvas, paint, reduce, varnish
from painting.fields import Array, Point, curve, mix, noise, plane, polygon, ramp, rgb, smoothstep

ASPECT = 0.75
SEED = 1886
CLOSENESS = 0.030  # squared colour distance over which a pigment's chance falls to 1/e

# pure pigments: no browns, no blacks; the eye is to mix them
PIGMENTS = rgb("fff6d6", "ffe14d", "ffb31f", "ff7a1f", "f0483e", "e86fa0", "b06fd0", "6a55c8",
               "3550c0", "2f8fe0", "66c7ea", "27b3a0", "2f9e4f", "86c83c", "c9e265", "1d5a58",
               "24246e", "5a1f66", "a8d8f0", "f7c9c2")  # fmt: skip
SKY = rgb("8cc4ee", "c4e2f2", "fde9c4", "fbd3b4")
WATER = rgb("f6d9b8", "9fd0ea", "5aa7e0", "2f6fc4", "2b4a9c")
LAWN = rgb("2a3f86", "2e7a50", "6db53c", "b7d84a", "f0e868")
LEAF = rgb("24246e", "1d5a58", "2f8a48", "86b83c", "e0dc58")


def picture(width: int) -> Array:
    """The painting, ``[H, W, 3]`` in [0, 1]."""
    rng = np.random.default_rng(SEED)
    x, y = plane(round(width * OVERSAMPLING), ASPECT)
    scene = _scene(x, y, rng)
    canvas = Canvas.primed((x.shape[0], x.shape[1]), rgb("f4e9d2"))
    flow = noise(canvas.shape, 6, rng) * 1.5
    soft = Brush(0.012, 0.016, coverage=3, value=0.02, hue=0.02, streak=0.02, dryness=0.1)
    paint(canvas, soft, mix(scene, canvas.colour, 0.18), flow, rng)
    for size, coverage in ((0.0078, 1.4), (0.0062, 1.6), (0.0050, 1.1)):
        dots = Brush(size, size * 1.25, coverage, value=0.02, hue=0.015, streak=0.03, dryness=0.0)
        paint(canvas, dots, _divided(scene, rng), flow, rng)
    return reduce(varnish(canvas, depth=0.4, gloss=0.05), width)


def _divided(scene: Array, rng: np.random.Generator) -> Array:
    """Each pixel becomes one pigment, drawn by closeness, so that they mix to the scene."""
    best = np.full(scene.shape[:2], -np.inf, np.float32)
    chosen = np.zeros(scene.shape[:2], np.intp)
    for number, pigment in enumerate(PIGMENTS):
        closeness = -((scene - pigment) ** 2).sum(-1) / CLOSENESS
        # the largest of scores plus Gumbel noise is a draw from their softmax
        score = closeness + rng.gumbel(size=best.shape).astype(np.float32)
        chosen = np.where(score > best, number, chosen)
        best = np.maximum(score, best)
    return mix(PIGMENTS[chosen], scene, 0.25)


def _scene(x: Array, y: Array, rng: np.random.Generator) -> Array:
    shape = (x.shape[0], x.shape[1])
    clouds = smoothstep(0.2, 1.4, noise(shape, 4, rng, stretch=2.5))
    scene = mix(ramp(np.clip(y / 0.27, 0, 1), SKY), rgb("fff6e6")[0], 0.7 * clouds)
    scene = _far_bank(scene, x, y, rng)
    scene = _river(scene, x, y, rng)
    for sail in ((0.545, 0.335, 0.105), (0.70, 0.305, 0.062), (0.395, 0.292, 0.045)):
        scene = _sailing_boat(scene, *sail)
    scene = _lawn(scene, x, y, rng)
    scene = _tree(scene, x, y, rng)
    walkers = [(0.365, 0.520, 0.135, "b8325a", "f6b93a"), (0.425, 0.535, 0.150, "24246e", ""),
               (0.80, 0.640, 0.250, "4a2f8c", "f0583e"), (0.655, 0.470, 0.085, "e86fa0", "fff1c8"),
               (0.575, 0.455, 0.075, "2b4a9c", "")]  # fmt: skip
    for walker in walkers:
        scene = _walker(scene, x, *walker)
    return _seated(scene, x, 0.50, 0.665)


def _over(scene: Array, points: list[Point], colour: Array) -> Array:
    return mix(scene, colour, polygon((scene.shape[0], scene.shape[1]), points))


def _far_bank(scene: Array, x: Array, y: Array, rng: np.random.Generator) -> Array:
    shape = (x.shape[0], x.shape[1])
    crowns = 0.205 - 0.030 * np.abs(np.sin(17 * x + 1)) - 0.022 * np.abs(np.sin(41 * x))
    crowns += 0.045 * np.sin(4 * x + 2.2)
    light = np.clip(0.45 + 0.22 * noise(shape, 24, rng) - 3.5 * (y - crowns - 0.03), 0, 1)
    bank = mix(ramp(light, LEAF), rgb("9fb8e0")[0], 0.32)
    scene = mix(scene, bank, smoothstep(-0.004, 0.004, y - crowns))
    for cx, w, h in ((0.625, 0.036, 0.030), (0.705, 0.020, 0.052), (0.765, 0.048, 0.026)):
        top = 0.259 - h
        scene = _over(scene, [(cx, 0.261), (cx, top), (cx + w, top), (cx + w, 0.261)],
                      rgb("fde9c4")[0])  # fmt: skip
        scene = _over(scene, [(cx - 0.006, top), (cx + w / 2, top - 0.020), (cx + w + 0.006, top)],
                      rgb("f0583e")[0])  # fmt: skip
    quay = (np.abs(y - 0.2595) < 0.0045).astype(np.float32)
    return mix(scene, rgb("5a1f66")[0], quay * 0.85)


def _river(scene: Array, x: Array, y: Array, rng: np.random.Generator) -> Array:
    shape = (x.shape[0], x.shape[1])
    shore = 0.262
    depth = y - shore
    wobble = 0.006 * noise(shape, 30, rng, stretch=6)
    mirror_y = np.clip(shore - depth * 0.9, 0, None)
    rows = np.clip(((mirror_y + wobble) * shape[1]).astype(np.int32), 0, shape[0] - 1)
    mirrored = scene[rows, np.arange(shape[1])[None, :]]
    tone = np.clip(0.15 + depth / 0.30 + 0.12 * noise(shape, 16, rng, stretch=9), 0, 1)
    water = mix(ramp(tone, WATER), mirrored, 0.55 * smoothstep(0.16, 0.0, depth))
    glints = smoothstep(1.5, 2.2, noise(shape, 60, rng, octaves=1, stretch=5))
    water = mix(water, rgb("fff6d6")[0], glints * 0.8)
    return mix(scene, water, smoothstep(-0.002, 0.002, depth))


def _sailing_boat(scene: Array, cx: float, base: float, size: float) -> Array:
    def place(points: Sequence[Point]) -> list[Point]:
        return [(cx + u * size, base + v * size) for u, v in points]

    hull = place([(-0.30, -0.06), (0.42, -0.06), (0.30, 0.06), (-0.22, 0.06)])
    main = place(curve([(0.0, -1.0), (0.20, -0.5), (0.40, -0.14)], 8))
    jib = place([(-0.03, -0.9), (-0.03, -0.14), (-0.32, -0.14)])
    mirror = [(a, 2 * base + 0.12 * size - 0.7 * (b - base) - base) for a, b in main]
    scene = _over(scene, [*mirror, (cx, mirror[-1][1])], rgb("f7d9c2")[0])
    scene = _over(scene, [*main, (cx, base - 0.14 * size)], rgb("fffbe8")[0])
    scene = _over(scene, jib, rgb("ffb98a")[0])
    return _over(scene, hull, rgb("3550c0")[0])


def _lawn(scene: Array, x: Array, y: Array, rng: np.random.Generator) -> Array:
    shape = (x.shape[0], x.shape[1])
    edge = 0.47 - 0.17 * smoothstep(0.62, 0.02, x) - 0.012 * np.sin(14 * x)
    edge = edge + 0.05 * smoothstep(0.6, 1.0, x)
    inside = y - edge
    light = 0.80 + 0.10 * noise(shape, 14, rng, stretch=5) - 0.1 * inside
    # long bands of violet shade lie across the grass
    shade = np.sin(22 * inside + 3.2 * x + 0.7 * noise(shape, 5, rng)) + 0.4 * (x < 0.4)
    tone = np.clip(light - 0.55 * smoothstep(0.25, 0.75, shade), 0, 1)
    scene = mix(scene, ramp(tone, LAWN), smoothstep(-0.002, 0.003, inside))
    rim = np.exp(-((inside / 0.006) ** 2))
    return mix(scene, rgb("f7d98a")[0], 0.8 * rim)


def _tree(scene: Array, x: Array, y: Array, rng: np.random.Generator) -> Array:
    shape = (x.shape[0], x.shape[1])
    trunks = [([(0.10, 0.66), (0.115, 0.45), (0.10, 0.30), (0.13, 0.12)], 0.052, 0.024),
              ([(0.108, 0.36), (0.16, 0.26), (0.24, 0.17)], 0.026, 0.010),
              ([(0.925, 0.56), (0.915, 0.38), (0.935, 0.20)], 0.036, 0.016)]  # fmt: skip
    for points, foot, top in trunks:
        line = np.array(curve(points))
        centre = np.interp(y, line[::-1, 1], line[::-1, 0])
        half = np.interp(y, [line[-1, 1], line[0, 1]], [top, foot]) / 2
        inside = smoothstep(1.05, 0.95, np.abs(x - centre) / half)
        inside *= (y > line[-1, 1]) & (y < line[0, 1])
        side = np.clip(0.5 + 0.5 * (x - centre) / half, 0, 1)
        scene = mix(scene, ramp(side, rgb("24246e", "5a1f66", "b8325a", "ff9a3f")), inside)
    puffs = [(0.05, 0.05, 0.13), (0.17, 0.09, 0.12), (0.28, 0.05, 0.10), (0.02, 0.19, 0.085),
             (0.25, 0.165, 0.062), (0.345, 0.11, 0.05), (0.93, 0.08, 0.10), (1.0, 0.17, 0.085),
             (0.85, 0.14, 0.055), (0.94, 0.22, 0.05)]  # fmt: skip
    rough = 0.16 * noise(shape, 22, rng)
    for cx, cy, r in puffs:
        reach = np.hypot(x - cx, (y - cy) * 1.15) / r + rough
        lit = 0.46 + 0.40 * ((x - cx) * 0.5 - (y - cy)) / r + 0.8 * rough
        scene = mix(scene, ramp(np.clip(lit, 0, 1), LEAF), smoothstep(1.0, 0.93, reach))
    return scene


def _walker(
    scene: Array, x: Array, cx: float, foot: float, size: float, dress: str, parasol: str
) -> Array:
    """A stroller in a long skirt or a coat, with a parasol or a hat, and a violet shadow."""

    def place(points: Sequence[Point]) -> list[Point]:
        return [(cx + u * size, foot + v * size) for u, v in points]

    flare = 0.24 if parasol else 0.12
    shadow = [(-0.1, 0.0), (0.95, 0.10), (0.90, 0.16), (-0.1, 0.04)]
    skirt = [(-0.07, -0.56), (-0.83 * flare, -0.34), (-flare, 0.0), (0.7 * flare, 0.0),
             (0.10, -0.36), (0.07, -0.56)]  # fmt: skip
    body = [(-0.06, -0.52), (-0.09, -0.72), (0.0, -0.80), (0.09, -0.72), (0.06, -0.52)]
    hat = [(-0.08, -0.90), (-0.05, -1.02), (0.05, -1.02), (0.08, -0.90)]
    lit = np.clip((x - cx) / (0.4 * size) + 0.45, 0, 1)
    cloth = ramp(lit, rgb("24246e", dress, "ffb98a"))
    scene = _over(scene, place(shadow), rgb("35358c")[0])
    scene = _over(scene, place(curve(skirt, 8)), cloth)
    scene = _over(scene, place(curve(body, 8)), cloth)
    scene = _over(scene, place(_oval(0.0, -0.865, 0.055, 0.068)), rgb("f7b99a")[0])
    if not parasol:
        return _over(scene, place(hat), rgb("24246e")[0])
    scene = _over(scene, place(_oval(0.0, -0.92, 0.085, 0.028)), rgb("5a1f66")[0])
    dome = [(u, min(v, -0.98)) for u, v in _oval(0.05, -0.98, 0.30, 0.19)]
    shade = ramp(np.clip((x - cx) / (0.6 * size) + 0.5, 0, 1), rgb("b06fd0", parasol, "fff6d6"))
    return _over(scene, place(dome), shade)


def _seated(scene: Array, x: Array, cx: float, cy: float) -> Array:
    """A woman who sits in the grass in a wide skirt and a straw hat."""
    skirt = curve([(cx - 0.13, cy), (cx - 0.09, cy - 0.055), (cx, cy - 0.085),
                   (cx + 0.10, cy - 0.045), (cx + 0.17, cy + 0.005), (cx, cy + 0.025),
                   (cx - 0.13, cy)], 8)  # fmt: skip
    bodice = curve([(cx - 0.045, cy - 0.06), (cx - 0.045, cy - 0.135), (cx, cy - 0.165),
                    (cx + 0.04, cy - 0.135), (cx + 0.035, cy - 0.06)], 8)  # fmt: skip
    lit = np.clip((x - cx) / 0.26 + 0.5, 0, 1)
    scene = _over(scene, [(cx - 0.10, cy + 0.005), (cx + 0.26, cy + 0.02), (cx + 0.24, cy + 0.045),
                          (cx - 0.04, cy + 0.03)], rgb("2a3f86")[0])  # fmt: skip
    scene = _over(scene, skirt, ramp(lit, rgb("6a55c8", "e86fa0", "fff1dc")))
    scene = _over(scene, bodice, ramp(lit, rgb("24246e", "3550c0", "66c7ea")))
    scene = _over(scene, _oval(cx, cy - 0.187, 0.022, 0.026), rgb("f7b99a")[0])
    scene = _over(scene, _oval(cx, cy - 0.212, 0.028, 0.016), rgb("ffe14d")[0])
    return _over(scene, _oval(cx, cy - 0.203, 0.052, 0.009), rgb("ffb31f")[0])


def _oval(cx: float, cy: float, half_width: float, half_height: float) -> list[Point]:
    turn = np.linspace(0, 2 * np.pi, 24)
    return [(cx + half_width * np.cos(a), cy + half_height * np.sin(a)) for a in turn]
