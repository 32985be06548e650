"""A town under a great sun, broken into facets: reds and oranges, black contours, cubist."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from painting.brush import OVERSAMPLING, Brush, Canvas, paint, reduce, varnish
from painting.fields import Array, blur, mix, noise, plane, polygon, ramp, rgb, smoothstep

ASPECT = 0.80
SEED = 1911
SUN = (0.66, 0.245)
SMALLEST = 0.0022  # area of a facet below which it is not split again, in square widths
FIRE = rgb("5c0f14", "a3161a", "d9281c", "f2551d", "f98d22", "fdc13a", "fff0b0")
DUSK = rgb("0d1230", "1c2f63", "27598c", "3f8f9c", "9fc4a8")
EARTH = rgb("2a0f12", "6e1a1a", "b23a1c", "e07a24", "f6b64a")


def picture(width: int) -> Array:
    """The painting, ``[H, W, 3]`` in [0, 1]."""
    rng = np.random.default_rng(SEED)
    x, y = plane(round(width * OVERSAMPLING), ASPECT)
    shape = (x.shape[0], x.shape[1])
    scene, lines = _scene(x, y, rng)
    facets = _split(_frame(), rng)
    colour, flow, seams = _facet_fields(facets, scene, x, y, rng)
    canvas = Canvas.primed(shape, rgb("3a1414"))
    canvas.colour[:] = colour
    paint(canvas, Brush(0.016, 0.050, value=0.02), colour, flow, rng)
    paint(canvas, Brush(0.009, 0.034, value=0.03, hue=0.02, body=1.3), colour, flow, rng)
    ink = np.broadcast_to(rgb("120a10"), colour.shape)
    bold, thin = blur(lines, shape[1] / 900), blur(seams, shape[1] / 1800)
    canvas.colour[:] = mix(canvas.colour, ink, np.clip(thin * 1.3, 0, 0.75))
    canvas.colour[:] = mix(canvas.colour, ink, np.clip(bold * 1.6, 0, 1))
    return reduce(varnish(canvas, depth=0.45), width)


Polygon = np.ndarray  # corners [N, 2] of a convex polygon in picture widths


def _frame() -> Polygon:
    return np.array([(0, 0), (1, 0), (1, ASPECT), (0, ASPECT)], np.float64)


def _area(p: Polygon) -> float:
    x, y = p.T
    return abs(float(x @ np.roll(y, 1) - y @ np.roll(x, 1))) / 2


def _split(polygon_: Polygon, rng: np.random.Generator) -> list[Polygon]:
    """Cut a polygon by random lines, mostly across its long side, until the pieces are small."""
    area = _area(polygon_)
    centre = polygon_.mean(0)
    # smaller facets around the sun and the houses, larger ones at the rim
    wanted = SMALLEST * (0.7 + 5 * np.hypot(centre[0] - 0.52, centre[1] - 0.46) ** 2)
    if area < wanted * rng.uniform(0.8, 2.2):
        return [polygon_]
    spread = polygon_ - centre
    _, _, axes = np.linalg.svd(spread, full_matrices=False)
    angle = np.arctan2(axes[0, 1], axes[0, 0]) + rng.normal(0, 0.38)
    normal = np.array([np.cos(angle), np.sin(angle)])
    through = centre + rng.normal(0, 0.12, 2) * np.ptp(polygon_, axis=0)
    side = (polygon_ - through) @ normal
    halves = [_clip(polygon_, side), _clip(polygon_, -side)]
    if min(len(half) for half in halves) < 3:
        return [polygon_]
    return [piece for half in halves for piece in _split(half, rng)]


def _clip(p: Polygon, side: np.ndarray) -> Polygon:
    """The part of a convex polygon where ``side`` (one value a corner) is positive."""
    corners = []
    for k in range(len(p)):
        after = (k + 1) % len(p)
        if side[k] >= 0:
            corners.append(p[k])
        if (side[k] < 0) != (side[after] < 0):
            part = side[k] / (side[k] - side[after])
            corners.append(p[k] + part * (p[after] - p[k]))
    return np.array(corners)


def _facet_fields(
    facets: list[Polygon], scene: Array, x: Array, y: Array, rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    """Colour and stroke angle of the facets, and the mask of the seams between them."""
    shape = (x.shape[0], x.shape[1])
    number = Image.new("I", shape[::-1])
    draw = ImageDraw.Draw(number)
    for k, facet in enumerate(facets):
        draw.polygon([(px * shape[1], py * shape[1]) for px, py in facet], fill=k)
    ids = np.asarray(number)
    centres = np.array([facet.mean(0) for facet in facets], np.float32)
    sizes = np.array([np.sqrt(_area(facet)) for facet in facets], np.float32)
    angles = rng.choice([0.35, 1.2, 1.9, 2.7], len(facets)) + rng.normal(0, 0.15, len(facets))
    which, count = ids.ravel(), len(facets)
    pixels = np.maximum(np.bincount(which, minlength=count), 1)
    sums = [np.bincount(which, channel.ravel(), count) for channel in np.moveaxis(scene, -1, 0)]
    mean = np.stack(sums, axis=1) / pixels[:, None]
    mean += rng.normal(0, 0.045, mean.shape) + rng.normal(0, 0.05, (len(facets), 1))
    turn = angles[ids]
    across = (x - centres[ids, 0]) * np.cos(turn) + (y - centres[ids, 1]) * np.sin(turn)
    # every facet fades from dark to light across: the passage that makes it a plane in space
    slope = np.clip(across / sizes[ids], -1, 1)[..., None]
    flat = mix(scene, mean[ids].astype(np.float32), 0.72)
    colour = np.clip(flat * (1 + 0.42 * slope) + 0.10 * np.maximum(slope, 0), 0, 1)
    seams = np.zeros(shape, bool)
    seams[1:] |= ids[1:] != ids[:-1]
    seams[:, 1:] |= ids[:, 1:] != ids[:, :-1]
    flow = (turn + np.pi / 2).astype(np.float32)
    return colour.astype(np.float32), flow, seams.astype(np.float32)


def _scene(x: Array, y: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    """The picture before it is broken, and the mask of its bold contours."""
    shape = (x.shape[0], x.shape[1])
    r = np.hypot(x - SUN[0], y - SUN[1])
    heat = 0.88 - 1.25 * r + 0.11 * np.sign(np.sin(46 * r)) + 0.05 * noise(shape, 5, rng)
    scene = ramp(np.clip(heat, 0, 1), FIRE)
    contours = [np.abs(r - ring) < 0.0016 for ring in (0.068, 0.137, 0.205, 0.273)]
    lines = np.logical_or.reduce(contours).astype(np.float32)
    scene = mix(scene, rgb("fff3bf")[0], (r < 0.068).astype(np.float32))
    peaks = [(-0.05, 0.50), (0.10, 0.30), (0.19, 0.38), (0.33, 0.19), (0.47, 0.42), (0.60, 0.34),
             (0.75, 0.47), (0.88, 0.37), (1.05, 0.52), (1.05, 0.9), (-0.05, 0.9)]  # fmt: skip
    scene, lines = _shape(scene, lines, peaks, DUSK, 0.40 + 1.1 * (0.5 - y))
    for cx, base, w, h, roof in _houses(rng):
        top = base - h
        wall = [(cx - w, base), (cx - w, top), (cx + w, top), (cx + w, base)]
        warm = 0.35 + 1.1 * (x - cx) / w * 0.35 + 0.4 * rng.random()
        scene, lines = _shape(scene, lines, wall, EARTH if rng.random() < 0.72 else DUSK, warm)
        gable = [(cx - w, top), (cx + rng.uniform(-0.3, 0.3) * w, top - roof), (cx + w, top)]
        roofing = FIRE if rng.random() < 0.6 else DUSK
        scene, lines = _shape(scene, lines, gable, roofing, 0.35 + 0.5 * (x - cx) / w)
        for column in (-0.5, 0.15):
            left, sill = cx + column * w, top + 0.35 * h
            pane = [(left, sill), (left + 0.35 * w, sill), (left + 0.35 * w, sill - 0.022),
                    (left, sill - 0.022)]  # fmt: skip
            scene, lines = _shape(scene, lines, pane, rgb("0d1230", "1c2f63"), 0.3 + 0 * x)
    river = [(0.30, 0.85), (0.44, 0.70), (0.40, 0.63), (0.52, 0.60), (0.58, 0.64), (0.62, 0.72),
             (0.82, 0.85)]  # fmt: skip
    return _shape(scene, lines, river, rgb("1c2f63", "27598c", "f98d22", "fdc13a"),
                  smoothstep(0.05, 0.0, np.abs(x - 0.55 + 0.2 * (y - 0.7))) * 0.9)  # fmt: skip


def _shape(
    scene: Array, lines: Array, points: list, colours: Array, tone: Array
) -> tuple[Array, Array]:
    """Paint one polygon over the scene: it hides the contours behind it and adds its own."""
    mask = polygon((scene.shape[0], scene.shape[1]), points)
    scene = mix(scene, ramp(np.clip(tone, 0, 1), colours), mask)
    grown = blur(mask, 0.0012 * scene.shape[1])
    outline = ((grown > 0.06) & (grown < 0.94)).astype(np.float32)
    return scene, np.maximum(lines * (1 - mask), outline)


def _houses(rng: np.random.Generator) -> list[tuple[float, ...]]:
    """Middle, foot, half width, height and roof height of each house, back to front."""
    houses = []
    for base, count, size in ((0.56, 8, 0.75), (0.655, 7, 1.0), (0.775, 6, 1.35)):
        for k in range(count):
            cx = (k + 0.5 + rng.uniform(-0.25, 0.25)) / count
            if size == 1.35 and 0.34 < cx < 0.72:
                continue
            foot = base + rng.uniform(-0.01, 0.02)
            w, h, roof = size * rng.uniform([0.042, 0.07, 0.05], [0.062, 0.14, 0.09])
            houses.append((cx, foot, w, h, roof))
    return houses
