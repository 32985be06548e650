"""A starry night over a sleeping village, in the manner of van Gogh."""

from __future__ import annotations

import numpy as np

from painting.brush import OVERSAMPLING, Brush, Canvas, paint, reduce, varnish
from painting.fields import Array, Point, curve, mix, noise, plane, polygon, ramp, rgb, smoothstep

ASPECT = 0.79
SEED = 1889

# x, y, radius of each star's halo, in picture widths
STARS = [
    (0.235, 0.085, 0.050),
    (0.345, 0.045, 0.036),
    (0.475, 0.100, 0.040),
    (0.055, 0.065, 0.042),
    (0.630, 0.060, 0.044),
    (0.760, 0.195, 0.034),
    (0.345, 0.420, 0.068),
    (0.230, 0.285, 0.036),
    (0.645, 0.425, 0.034),
    (0.950, 0.330, 0.034),
    (0.045, 0.330, 0.030),
]
MOON = (0.875, 0.115, 0.105)
# x, y, reach, turn (positive is clockwise)
VORTICES = [(0.455, 0.255, 0.135, 1.0), (0.620, 0.300, 0.100, -1.0), (0.085, 0.200, 0.07, 1.0)]

NIGHT = rgb("10183f", "17286b", "1f3f94", "2f62b4", "4f8cc8", "8fb9cf", "d3dcb4")
HALO = rgb("fffbe0", "fbe77a", "f2c531", "cfcf73", "8fb6a4", "4f86bd")
HILL = rgb("131d45", "1f3a74", "33599a", "5581ad", "7fa0a6")
BUSH = rgb("0c1a22", "1a3a36", "2f5b45", "5a7d4a")
CYPRESS = rgb("07110f", "12251c", "24381f", "4a4420", "5f3a1d")
ROOF = rgb("27406b", "4a5f86", "6c4a3a", "37536f")
WALL = rgb("4d6f99", "7f98a8", "a7ab93", "5f7fa6")


def picture(width: int) -> Array:
    """The painting, ``[H, W, 3]`` in [0, 1]."""
    rng = np.random.default_rng(SEED)
    x, y = plane(round(width * OVERSAMPLING), ASPECT)
    canvas = Canvas.primed((x.shape[0], x.shape[1]), NIGHT[0])
    _sky(canvas, x, y, rng)
    _hills(canvas, x, y, rng)
    _village(canvas, x, y, rng)
    _cypress(canvas, x, y, rng)
    return reduce(varnish(canvas), width)


def _sky(canvas: Canvas, x: Array, y: Array, rng: np.random.Generator) -> None:
    flow = _sky_flow(x, y)
    colour = _sky_colour(x, y, flow, rng)
    canvas.colour[:] = colour
    paint(canvas, Brush(0.014, 0.070, value=0.03), colour, flow, rng)
    paint(canvas, Brush(0.0085, 0.046, value=0.055, hue=0.03, body=1.5), colour, flow, rng)
    halo = _halo_nearness(x, y)
    fine = Brush(0.0065, 0.030, coverage=2.5, value=0.05, hue=0.03, body=1.9)
    paint(canvas, fine, colour, flow, rng, 0.35 + 0.6 * halo)


def _sky_flow(x: Array, y: Array) -> Array:
    """Angle of the strokes: a wind from the left, vortices, and rings around the lights."""
    east = np.ones_like(x)
    south = 0.55 * np.cos(7.5 * x + 4 * y) + 0.2 * np.sin(15 * x)
    for cx, cy, reach, turn in VORTICES:
        dx, dy = x - cx, y - cy
        r = np.hypot(dx, dy) + 1e-4
        pull = 5 * np.exp(-((r / reach) ** 2))
        # a slight inward component winds the rings into a spiral
        east += pull * turn * (-dy - 0.25 * dx) / r
        south += pull * turn * (dx - 0.25 * dy) / r
    for cx, cy, reach in [*STARS, MOON]:
        dx, dy = x - cx, y - cy
        r = np.hypot(dx, dy) + 1e-4
        pull = 14 * np.exp(-((r / (1.15 * reach)) ** 4))
        east += pull * -dy / r
        south += pull * dx / r
    return np.arctan2(south, east)


def _halo_nearness(x: Array, y: Array) -> Array:
    near = [smoothstep(1.2, 0.5, np.hypot(x - cx, y - cy) / r) for cx, cy, r in [*STARS, MOON]]
    return np.maximum.reduce(near)


def _sky_colour(x: Array, y: Array, flow: Array, rng: np.random.Generator) -> Array:
    shape = (x.shape[0], x.shape[1])
    tone = 0.28 + 0.45 * (y / 0.5) ** 2 * 0.5 + 0.13 * _combed(shape, flow, rng)
    for cx, cy, reach, turn in VORTICES:
        dx, dy = x - cx, y - cy
        r = np.hypot(dx, dy) / reach
        arms = np.sin(2 * np.arctan2(dy, dx) * turn - 7 * np.log(r + 0.25))
        tone += 0.33 * arms * np.exp(-((r / 1.25) ** 4)) + 0.2 * np.exp(-((r / 1.1) ** 4))
    # the milky band that sweeps between the vortices and the hills
    band = y - (0.46 + 0.035 * np.sin(9 * x + 0.5) - 0.10 * x)
    tone += 0.32 * np.exp(-((band / 0.022) ** 2))
    colour = ramp(np.clip(tone, 0, 1), NIGHT)
    for cx, cy, reach in STARS:
        colour = _light(colour, np.hypot(x - cx, y - cy) / reach)
    return _moon(colour, x, y)


def _combed(shape: tuple[int, int], flow: Array, rng: np.random.Generator) -> Array:
    """Noise drawn out along the flow (line integral convolution), deviation 1."""
    grain = noise(shape, 70, rng, octaves=2)
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    total = np.zeros(shape, np.float32)
    step = shape[1] / 220
    for _ in range(16):
        at = (
            np.clip(rows, 0, shape[0] - 1).astype(np.int32),
            np.clip(columns, 0, shape[1] - 1).astype(np.int32),
        )
        total += grain[at]
        rows += step * np.sin(flow[at])
        columns += step * np.cos(flow[at])
    return total / total.std()


def _light(colour: Array, r: Array) -> Array:
    """A star: white core, golden rings, and a halo that fades into the night."""
    rings = np.clip(r + 0.07 * np.sin(22 * r), 0, 1)
    return mix(colour, ramp(rings, HALO), smoothstep(1.12, 0.55, r))


def _moon(colour: Array, x: Array, y: Array) -> Array:
    cx, cy, reach = MOON
    r = np.hypot(x - cx, y - cy) / reach
    colour = _light(colour, np.maximum(r, 0.28))
    disc = r < 0.47
    bite = np.hypot(x - cx - 0.22 * reach, y - cy + 0.10 * reach) / reach < 0.36
    colour[disc] = rgb("fff3b8")[0]
    colour[disc & ~bite] = rgb("ee8410")[0]
    return colour


def _hills(canvas: Canvas, x: Array, y: Array, rng: np.random.Generator) -> None:
    shape = canvas.shape
    ridges = [
        [(-0.1, 0.60), (0.15, 0.575), (0.4, 0.575), (0.62, 0.535), (0.8, 0.475), (1.1, 0.40)],
        [(-0.1, 0.62), (0.2, 0.60), (0.42, 0.61), (0.65, 0.575), (0.85, 0.545), (1.1, 0.47)],
        [(-0.1, 0.66), (0.2, 0.635), (0.5, 0.645), (0.75, 0.615), (0.9, 0.60), (1.1, 0.55)],
    ]
    for depth, points in enumerate(ridges):
        line = curve(points)
        mask = polygon(shape, [*line, (1.1, ASPECT), (-0.1, ASPECT)])
        top = np.interp(x[0], *zip(*line, strict=True))
        below = y - top
        flow = np.broadcast_to(np.arctan(np.gradient(top, x[0])), shape) + 3.2 * below
        tone = 0.62 - 0.13 * depth - 3.2 * below + 0.16 * np.sin(95 * below + 9 * x)
        tone += 0.07 * noise(shape, 30, rng, stretch=3)
        colour = ramp(np.clip(tone, 0, 1), HILL)
        inner = mask * (below > 0.004)
        paint(canvas, Brush(0.010, 0.050, value=0.04), colour, flow, rng, inner)
        paint(canvas, Brush(0.007, 0.036, value=0.05, body=1.4), colour, flow, rng, inner)
        rim = np.where(np.abs(below) < 0.0035, mask, 0)
        dark = np.broadcast_to(rgb("0f1738"), colour.shape)
        paint(canvas, Brush(0.005, 0.045, coverage=4, value=0.02), dark, flow, rng, rim)


def _village(canvas: Canvas, x: Array, y: Array, rng: np.random.Generator) -> None:
    shape = canvas.shape
    top = 0.655 + 0.014 * np.sin(23 * x) + 0.010 * np.sin(51 * x + 1)
    mask = (y > top).astype(np.float32)
    tufts = np.sin(60 * x + 3 * np.sin(40 * y)) * 1.2 + 0.5
    tone = 0.42 + 0.22 * noise(shape, 26, rng)
    colour = ramp(np.clip(tone, 0, 1), BUSH)
    paint(canvas, Brush(0.011, 0.034, value=0.03, hue=0.02), colour, tufts, rng, mask)
    paint(canvas, Brush(0.007, 0.026, value=0.05, hue=0.03), colour, tufts * 1.5, rng, mask)
    for cx in np.arange(0.27, 0.98, 0.047):
        base = 0.70 + 0.03 * rng.random()
        _house(canvas, cx + 0.012 * rng.standard_normal(), base, rng)
    _church(canvas, 0.555, 0.715, rng)
    for cx in np.arange(0.25, 1.0, 0.075):
        _house(canvas, cx + 0.015 * rng.standard_normal(), 0.755 + 0.015 * rng.random(), rng)
    hedge = mask * (y > 0.735 + 0.012 * np.sin(37 * x) + 0.01 * np.sin(80 * x))
    paint(canvas, Brush(0.008, 0.026, value=0.05, hue=0.03), colour, tufts * 1.5, rng, hedge)


def _fill(
    canvas: Canvas, points: list[Point], code: Array, angle: float, rng: np.random.Generator
) -> None:
    """Fill a small polygon with fine strokes at one angle and outline it darkly."""
    mask = polygon(canvas.shape, points)
    colour = np.broadcast_to(code.astype(np.float32), canvas.colour.shape)
    flow = np.full(canvas.shape, angle, np.float32)
    fine = Brush(0.0042, 0.011, coverage=4, value=0.045, hue=0.025, dryness=0.15)
    paint(canvas, fine, colour, flow, rng, mask)


def _house(canvas: Canvas, cx: float, base: float, rng: np.random.Generator) -> None:
    w, h, roof = 0.022 + 0.010 * rng.random(), 0.020 + 0.010 * rng.random(), 0.020
    wall = [(cx - w, base), (cx - w, base - h), (cx + w, base - h), (cx + w, base)]
    _fill(canvas, wall, rng.choice(WALL), np.pi / 2, rng)
    slope = [(cx - w - 0.004, base - h), (cx - w * 0.5, base - h - roof)]
    slope += [(cx + w * 0.6, base - h - roof), (cx + w + 0.004, base - h)]
    _fill(canvas, slope, rng.choice(ROOF), 0.9, rng)
    if rng.random() < 0.75:
        wx, wy = cx + w * rng.uniform(-0.5, 0.4), base - h * 0.6
        pane = [(wx, wy), (wx + 0.008, wy), (wx + 0.008, wy + 0.010), (wx, wy + 0.010)]
        _fill(canvas, pane, rgb("f6c445")[0], 0.0, rng)


def _church(canvas: Canvas, cx: float, base: float, rng: np.random.Generator) -> None:
    nave = [(cx, base), (cx, base - 0.04), (cx + 0.085, base - 0.04), (cx + 0.085, base)]
    roof = [(cx - 0.004, base - 0.04), (cx + 0.015, base - 0.075)]
    roof += [(cx + 0.075, base - 0.075), (cx + 0.092, base - 0.04)]
    tower = [(cx - 0.022, base), (cx - 0.022, base - 0.085)]
    tower += [(cx + 0.010, base - 0.085), (cx + 0.010, base)]
    spire = [(cx - 0.025, base - 0.083), (cx - 0.006, base - 0.225), (cx + 0.013, base - 0.083)]
    _fill(canvas, nave, rgb("6f8aa6")[0], np.pi / 2, rng)
    _fill(canvas, roof, rgb("2b4775")[0], 0.9, rng)
    _fill(canvas, tower, rgb("8a9aa4")[0], np.pi / 2, rng)
    _fill(canvas, spire, rgb("1b2b52")[0], -1.45, rng)
    lit = [(cx - 0.011, base - 0.068), (cx - 0.001, base - 0.068)]
    _fill(canvas, [*lit, (cx - 0.001, base - 0.05), (cx - 0.011, base - 0.05)], rgb("f2b93b")[0],
          np.pi / 2, rng)  # fmt: skip


def _cypress(canvas: Canvas, x: Array, y: Array, rng: np.random.Generator) -> None:
    outline = [(0.02, 0.80), (0.05, 0.66), (0.075, 0.56), (0.080, 0.46), (0.105, 0.37)]
    outline += [(0.110, 0.28), (0.128, 0.20), (0.133, 0.115), (0.150, 0.035), (0.158, 0.13)]
    outline += [(0.172, 0.19), (0.168, 0.26), (0.190, 0.33), (0.186, 0.42), (0.212, 0.50)]
    outline += [(0.208, 0.58), (0.240, 0.66), (0.265, 0.80)]
    mask = polygon(canvas.shape, curve(outline))
    small = polygon(canvas.shape, curve([(0.20, 0.80), (0.225, 0.62), (0.243, 0.50), (0.252, 0.58),
                                         (0.268, 0.66), (0.31, 0.80)]))  # fmt: skip
    mask = np.maximum(mask, small)
    lean = (x - 0.150) * 1.6
    flames = 0.62 * np.sin(46 * x + 11 * y) * np.cos(17 * y + 5 * x)
    flow = -np.pi / 2 + lean * -1.0 + flames
    tone = 0.42 + 0.26 * np.sin(120 * x + 16 * np.sin(13 * y)) + 0.1 * noise(canvas.shape, 40, rng)
    colour = ramp(np.clip(tone, 0, 1), CYPRESS)
    paint(canvas, Brush(0.013, 0.060, value=0.02), colour, flow, rng, mask)
    thick = Brush(0.008, 0.055, value=0.035, hue=0.02, body=1.9)
    paint(canvas, thick, colour, flow, rng, mask)
