"""A summer park at a river in dots of divided colour, in the manner of Seurat and Signac."""

from __future__ import annotations

import numpy as np

from painting.brush import OVERSAMPLING, Brush, Canvas, paint, reduce, varnish
from painting.fields import (
    Array,
    Point,
    curve,
    mix,
    noise,
    plane,
    polygon,
    ramp,
    rgb,
    smoothstep,
)

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
    return _resting(scene, 0.50, 0.665)


def _over(scene: Array, points: list[Point], colour: Array) -> Array:
    return mix(scene, colour, polygon((scene.shape[0], scene.shape[1]), points))


def _far_bank(scene: Array, x: Array, y: Array, rng: np.random.Generator) -> Array:
    shape = (x.shape[0], x.shape[1])
    crowns = 0.205 - 0.030 * np.abs(np.sin(17 * x + 1)) - 0.022 * np.abs(np.sin(41 * x))
    crowns += 0.045 * np.sin(4 * x + 2.2)
    light = np.clip(0.45 + 0.22 * noise(shape, 24, rng) - 3.5 * (y - crowns - 0.03), 0, 1)
    bank = mix(ramp(light, LEAF), rgb("9fb8e0")[0], 0.32)
    scene = mix(scene, bank, smoothstep(-0.004, 0.004, y - crowns))
    for cx, w, h in ((0.62, 0.05, 0.045), (0.705, 0.035, 0.06), (0.79, 0.06, 0.04)):
        top = 0.262 - h
        scene = _over(scene, [(cx, 0.262), (cx, top), (cx + w, top), (cx + w, 0.262)],
                      rgb("fde9c4")[0])  # fmt: skip
        scene = _over(scene, [(cx - 0.006, top), (cx + w / 2, top - 0.026), (cx + w + 0.006, top)],
                      rgb("f0583e")[0])  # fmt: skip
    return scene


def _river(scene: Array, x: Array, y: Array, rng: np.random.Generator) -> Array:
    shape = (x.shape[0], x.shape[1])
    shore = 0.262
    depth = y - shore
    wobble = 0.006 * noise(shape, 30, rng, stretch=6)
    mirror_y = np.clip(shore - depth * 0.9, 0, None)
    rows = np.clip(((mirror_y + wobble) * shape[1]).astype(np.int32), 0, shape[0] - 1)
    mirrored = scene[rows, np.arange(shape[1])[None, :]]
    tone = np.clip(0.15 + depth / 0.30 + 0.12 * noise(shape, 16, rng, stretch=9), 0, 1)
    water = mix(ramp(tone, WATER), mirrored, 0.45)
    glints = smoothstep(1.5, 2.2, noise(shape, 60, rng, octaves=1, stretch=5))
    water = mix(water, rgb("fff6d6")[0], glints * 0.8)
    return mix(scene, water, smoothstep(-0.002, 0.002, depth))


def _sailing_boat(scene: Array, cx: float, base: float, size: float) -> Array:
    hull = [(cx - 0.30 * size, base - 0.06 * size), (cx + 0.42 * size, base - 0.06 * size),
            (cx + 0.30 * size, base + 0.06 * size), (cx - 0.22 * size, base + 0.06 * size)]  # fmt: skip
    main = curve([(cx, base - size), (cx + 0.20 * size, base - 0.5 * size),
                  (cx + 0.40 * size, base - 0.14 * size)], 8)  # fmt: skip
    jib = [(cx - 0.03 * size, base - 0.9 * size), (cx - 0.03 * size, base - 0.14 * size),
           (cx - 0.32 * size, base - 0.14 * size)]  # fmt: skip
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
    s = size
    shadow = [(cx - 0.1 * s, foot), (cx + 0.95 * s, foot + 0.10 * s), (cx + 0.9 * s, foot + 0.16 * s),
              (cx - 0.1 * s, foot + 0.04 * s)]  # fmt: skip
    scene = _over(scene, shadow, rgb("35358c")[0])
    flare = 0.24 if parasol else 0.12
    skirt = curve([(cx - 0.07 * s, foot - 0.56 * s), (cx - 0.20 * s * flare / 0.24, foot - 0.34 * s),
                   (cx - flare * s, foot), (cx + 0.7 * flare * s, foot),
                   (cx + 0.10 * s, foot - 0.36 * s), (cx + 0.07 * s, foot - 0.56 * s)], 8)  # fmt: skip
    body = curve([(cx - 0.06 * s, foot - 0.52 * s), (cx - 0.09 * s, foot - 0.72 * s), (cx, foot - 0.80 * s),
                  (cx + 0.09 * s, foot - 0.72 * s), (cx + 0.06 * s, foot - 0.52 * s)], 8)  # fmt: skip
    head = [(cx + 0.055 * s * np.cos(a), foot - 0.865 * s + 0.068 * s * np.sin(a))
            for a in np.linspace(0, 2 * np.pi, 20)]  # fmt: skip
    lit = np.clip((x - cx) / (0.4 * s) + 0.45, 0, 1)
    cloth = ramp(lit, np.stack([rgb("24246e")[0], rgb(dress)[0], rgb("ffb98a")[0]]))
    scene = _over(_over(scene, skirt, cloth), body, cloth)
    scene = _over(scene, head, rgb("f7b99a")[0])
    if not parasol:
        hat = [(cx - 0.08 * s, foot - 0.90 * s), (cx - 0.05 * s, foot - 1.02 * s),
               (cx + 0.05 * s, foot - 1.02 * s), (cx + 0.08 * s, foot - 0.90 * s)]  # fmt: skip
        return _over(scene, hat, rgb("24246e")[0])
    dome = [(cx + 0.05 * s + 0.30 * s * np.cos(a), foot - 0.98 * s - 0.19 * s * np.sin(a))
            for a in np.linspace(0, np.pi, 24)]  # fmt: skip
    shade = ramp(np.clip((x - cx) / (0.6 * s) + 0.5, 0, 1),
                 np.stack([rgb("b06fd0")[0], rgb(parasol)[0], rgb("fff6d6")[0]]))  # fmt: skip
    return _over(scene, dome, shade)


def _resting(scene: Array, cx: float, cy: float) -> Array:
    """Someone lying in the grass, hat over the eyes."""
    legs = curve([(cx, cy), (cx + 0.09, cy - 0.035), (cx + 0.15, cy + 0.005), (cx + 0.19, cy + 0.012),
                  (cx + 0.15, cy + 0.03), (cx + 0.06, cy + 0.03)], 8)  # fmt: skip
    shirt = curve([(cx + 0.03, cy + 0.03), (cx + 0.02, cy - 0.02), (cx - 0.07, cy - 0.045),
                   (cx - 0.10, cy + 0.005), (cx - 0.05, cy + 0.035)], 8)  # fmt: skip
    hat = curve([(cx - 0.09, cy - 0.02), (cx - 0.115, cy - 0.055), (cx - 0.15, cy - 0.035),
                 (cx - 0.135, cy + 0.005)], 8)  # fmt: skip
    scene = _over(scene, [(cx - 0.12, cy + 0.03), (cx + 0.2, cy + 0.02), (cx + 0.22, cy + 0.045),
                          (cx - 0.06, cy + 0.055)], rgb("2a3f86")[0])  # fmt: skip
    scene = _over(scene, legs, rgb("3550c0")[0])
    scene = _over(scene, shirt, rgb("fff1dc")[0])
    return _over(scene, hat, rgb("ffb31f")[0])
