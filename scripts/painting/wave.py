"""A great wave before a white mountain: flat colour and carved lines, as in a Japanese print."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw

from painting.brush import reduce
from painting.fields import Array, Point, curve, noise, plane, ribbon, smoothstep

ASPECT = 0.70
SEED = 1831
OVERSAMPLING = 2
INDIGO, NAVY, BLUE, PALE, FOAM, CREAM, OCHRE, GREY, RUST = (
    tuple(int(code[k : k + 2], 16) for k in (0, 2, 4))
    for code in ("1b2a4f", "24406f", "4a7aa0", "a9c4c4", "f6efdc", "ecdcb6", "c99a4f", "8d8877",
                 "a4552f")
)  # fmt: skip
LINE = 0.0026  # width of a carved line

# the back of the great wave from its foot to the tip of its crest, and its hollow face
BACK = [(-0.14, 0.42), (-0.02, 0.33), (0.07, 0.20), (0.17, 0.105), (0.28, 0.065), (0.38, 0.075),
        (0.46, 0.115), (0.515, 0.175), (0.535, 0.235)]  # fmt: skip
FACE = [(0.62, 0.64), (0.47, 0.575), (0.36, 0.49), (0.305, 0.39), (0.30, 0.30), (0.335, 0.235),
        (0.395, 0.205), (0.46, 0.21), (0.535, 0.235)]  # fmt: skip
NEAR_BACK = [(0.50, 0.74), (0.60, 0.62), (0.71, 0.52), (0.80, 0.455), (0.855, 0.445)]
NEAR_FACE = [(1.10, 0.66), (0.98, 0.61), (0.91, 0.555), (0.865, 0.495), (0.855, 0.445)]


class Print:
    """A sheet on which flat shapes are printed and lines are carved; lengths in widths."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.image = Image.new("RGB", (width, round(width * ASPECT)), CREAM)
        self.draw = ImageDraw.Draw(self.image)

    def shape(self, points: Sequence[Point], ink: tuple, line: float = LINE) -> None:
        """A flat area with a carved outline."""
        scaled = [(x * self.width, y * self.width) for x, y in points]
        self.draw.polygon(scaled, fill=ink)
        if line:
            self.line([*points, points[0]], line, line)

    def line(
        self, points: Sequence[Point], middle: float, ends: float = 0.0006, ink: tuple = INDIGO
    ) -> None:
        """A line that swells in the middle."""
        outline = ribbon(points, ends, middle, ends)
        self.draw.polygon([(x * self.width, y * self.width) for x, y in outline], fill=ink)

    def dot(self, x: float, y: float, r: float, ink: tuple, line: float = 0.0) -> None:
        """A round drop, with an outline of width ``line``."""
        for radius, colour in ((r + line, INDIGO), (r, ink)):
            box = [(x - radius) * self.width, (y - radius) * self.width,
                   (x + radius) * self.width, (y + radius) * self.width]  # fmt: skip
            self.draw.ellipse(box, fill=colour)


def picture(width: int) -> Array:
    """The print, ``[H, W, 3]`` in [0, 1]."""
    rng = np.random.default_rng(SEED)
    sheet = Print(width * OVERSAMPLING)
    _mountain(sheet)
    _far_sea(sheet, rng)
    _boat(sheet, (0.62, 0.500), 0.27, -0.16)
    _wave(sheet, BACK, FACE, 11)
    _crest(sheet, rng)
    _boat(sheet, (0.36, 0.585), 0.25, 0.20)
    _wave(sheet, NEAR_BACK, NEAR_FACE, 8)
    _near_crest(sheet, rng)
    _swell(sheet, rng)
    _spray(sheet, rng)
    _seal(sheet)
    flat = np.asarray(sheet.image, np.float32) / 255
    return reduce(_pressed(flat, rng), width)


def _pressed(flat: Array, rng: np.random.Generator) -> Array:
    """Ink on paper: a shaded sky, wood grain in the ink, fibres and mottling of the paper."""
    x, y = plane(flat.shape[1], ASPECT)
    shape = (x.shape[0], x.shape[1])
    # bokashi: the printer wipes the ink to a gradient along the upper edge
    sky = smoothstep(0.30, 0.0, y + 0.02 * noise(shape, 3, rng)) * 0.62
    is_sky = np.abs(flat - np.array(CREAM, np.float32) / 255).sum(-1) < 0.02
    bokashi = np.array(GREY, np.float32) / 255
    toned = flat + (bokashi - flat) * (sky * is_sky)[..., None]
    grain = noise(shape, 5, rng, octaves=3, stretch=40)
    fibre = noise(shape, 160, rng, octaves=2)
    cloud = noise(shape, 7, rng)
    ink = 1 - toned.mean(-1)
    texture = 1 + 0.014 * fibre + 0.02 * cloud + 0.05 * ink * grain + 0.035 * ink * fibre
    lifted = toned + 0.035 * (ink * np.clip(grain + fibre - 0.6, 0, 2))[..., None]
    return np.clip(lifted * texture[..., None], 0, 1).astype(np.float32)


def _mountain(sheet: Print) -> None:
    left, right = (0.52, 0.475), (0.93, 0.475)
    slope = curve([left, (0.60, 0.425), (0.665, 0.355), (0.690, 0.326), (0.72, 0.326), (0.75, 0.36),
                   (0.82, 0.425), right], 10)  # fmt: skip
    sheet.shape([(0.30, 0.60), *curve([(0.3, 0.47), (0.5, 0.455), (0.7, 0.47), (1.02, 0.45)]),
                 (1.02, 0.60)], OCHRE, 0)  # fmt: skip
    sheet.shape(slope, NAVY)
    snow = [(0.649, 0.372), (0.665, 0.355), (0.690, 0.326), (0.72, 0.326), (0.75, 0.36),
            (0.772, 0.381), (0.760, 0.377), (0.752, 0.398), (0.738, 0.375), (0.728, 0.392),
            (0.716, 0.370), (0.703, 0.402), (0.692, 0.374), (0.680, 0.390), (0.672, 0.370),
            (0.660, 0.383)]  # fmt: skip
    sheet.shape(snow, FOAM, LINE * 0.7)


def _far_sea(sheet: Print, rng: np.random.Generator) -> None:
    for k, (level, ink) in enumerate(
        [(0.485, PALE), (0.515, BLUE), (0.548, NAVY), (0.585, BLUE), (0.63, NAVY)]
    ):
        x = np.linspace(-0.02, 1.02, 60)
        y = level + (0.006 + 0.004 * k) * np.sin(x * (21 - 2.5 * k) + 2.1 * k)
        crest = list(zip(x, y, strict=True))
        sheet.shape([*crest, (1.02, 0.75), (-0.02, 0.75)], ink, LINE * 0.8)
        for _ in range(26):
            start, span = rng.uniform(0, 1), rng.uniform(0.03, 0.09)
            u = np.linspace(start, start + span, 12)
            v = np.interp(u, x, y) + rng.uniform(0.008, 0.028)
            sheet.line(list(zip(u, v, strict=True)), 0.0024, ink=(PALE, FOAM, PALE, BLUE, BLUE)[k])


def _between(back: Array, face: Array, part: float) -> list[Point]:
    """The line ``part`` of the way from the back of a wave to its face."""
    line = back * (1 - part) + face * part
    return [(float(x), float(y)) for x, y in line]


def _rooted(back: Array, face: Array, part: float) -> list[Point]:
    """The same line, led on to the lower edge of the sheet."""
    line = _between(back, face, part)
    (x0, y0), (x1, y1) = line[0], line[6]
    slope = (x0 - x1) / max(y0 - y1, 0.3 * abs(x0 - x1), 1e-6)
    return [(x0 + slope * (0.75 - y0), 0.75), *line]


def _even(points: Sequence[Point], count: int = 160) -> Array:
    """A spline through ``points`` at even steps of length, ``[count, 2]``."""
    line = np.array(curve(points))
    length = np.insert(np.cumsum(np.hypot(*np.diff(line, axis=0).T)), 0, 0)
    even = np.linspace(0, length[-1], count)
    return np.stack([np.interp(even, length, line[:, k]) for k in (0, 1)], 1).astype(np.float32)


def _wave(sheet: Print, back_points: list[Point], face_points: list[Point], bands: int) -> None:
    """The body of a wave: bands of blue that rise along it and run out in the crest."""
    back, face = _even(back_points), _even(face_points)
    sheet.shape([*_rooted(back, face, 0.0), *_rooted(back, face, 1.0)[::-1]], NAVY, LINE * 1.3)
    inks = [NAVY, BLUE, NAVY, PALE, NAVY, BLUE, INDIGO, PALE]
    edges = np.linspace(0.0, 1.0, bands + 1) ** 0.9
    for k, (low, high) in enumerate(pairwise(edges)):
        left, right = _rooted(back, face, low), _rooted(back, face, high)
        sheet.shape([*left, *right[::-1]], inks[k % len(inks)], 0)
        sheet.line(left, LINE * 1.1, LINE * 0.5)
        middle = _between(back, face, (low + high) / 2)
        if inks[k % len(inks)] in (PALE, BLUE):
            sheet.line(middle[6:-30], LINE * 0.8, 0.0004, NAVY)
        else:
            sheet.line(middle[20:-50], LINE * 0.9, 0.0004, BLUE)
    sheet.line(_between(back, face, 1.0), LINE * 1.6, LINE * 0.8)


def _claw(
    sheet: Print, root: np.ndarray, angle: float, size: float, curl: float, depth: int
) -> None:
    """A finger of foam: a hook that bends by ``curl`` and carries smaller hooks on its back."""
    t = np.linspace(0, 1, 14)
    bend = angle + curl * t**1.3
    path = root + np.cumsum(np.stack([np.cos(bend), np.sin(bend)], 1), 0) * size / len(t)
    line = [(float(a), float(b)) for a, b in path]
    if depth:
        for part, turn in ((0.30, -0.75), (0.55, -0.6), (0.80, -0.35)):
            at = path[int(part * (len(path) - 1))]
            away = bend[int(part * (len(t) - 1))] + turn * np.sign(curl)
            _claw(sheet, at, away, size * 0.50, curl * 1.15, depth - 1)
    width = size * 0.34
    sheet.draw.polygon(_scaled(sheet, ribbon(line, width + 2 * LINE, width * 0.8 + 2 * LINE, LINE)),
                       fill=INDIGO)  # fmt: skip
    sheet.draw.polygon(_scaled(sheet, ribbon(line[:-1], width, width * 0.8, 0.0)), fill=FOAM)
    if size > 0.03:
        sheet.line(line[3:-2], size * 0.05, 0.0004, PALE)


def _scaled(sheet: Print, points: Sequence[Point]) -> list[Point]:
    return [(x * sheet.width, y * sheet.width) for x, y in points]


def _foam(
    sheet: Print, inner: Array, outer: Array, rng: np.random.Generator, size: float, curl: float
) -> None:
    """Foam between two lines, with claws that reach out over the second line."""
    for k in np.linspace(4, len(outer) - 2, max(6, int(1.9 / size * 0.32))).astype(int):
        tangent = outer[k] - outer[k - 2]
        outward = np.arctan2(tangent[1], tangent[0]) + np.sign(curl) * np.pi / 2
        scale = size * (0.65 + 0.6 * rng.random()) * (0.55 + 0.45 * k / len(outer))
        _claw(sheet, outer[k], outward - 0.75 * np.sign(curl), scale, curl, 2)
    sheet.shape([*map(tuple, inner), *map(tuple, outer[::-1])], FOAM, 0)
    sheet.line([(float(a), float(b)) for a, b in inner], LINE, 0.0004)


def _widening(count: int) -> Array:
    """0 to 1 ``[count, 1]``: foam begins in a point and soon has its full width."""
    return (np.minimum(np.arange(count) / (0.35 * count), 1)[:, None] ** 0.7).astype(np.float32)


def _crest(sheet: Print, rng: np.random.Generator) -> None:
    back, face = _even(BACK), _even(FACE)
    top = back[56:]
    under = top + _widening(len(top)) * (np.array(_between(back, face, 0.17))[56:] - top)
    lip = np.array(_between(back, face, 0.94))[86:]
    lobes = 0.008 * np.abs(np.sin(np.arange(len(under)) * 0.42))[:, None]
    _foam(sheet, face[96:], lip, rng, 0.062, 1.9)
    for k in range(4, len(lip) - 1, 5):
        _claw(sheet, face[90 + k], 1.15 + 0.5 * rng.random(), 0.050 + 0.03 * rng.random(), 1.5, 2)
    sheet.shape([*map(tuple, top), *map(tuple, (under + lobes)[::-1])], FOAM, LINE)
    for k in range(12, len(top) - 4, 5):
        direction = np.arctan2(*(top[k + 1] - top[k])[::-1])
        size = (0.042 + 0.02 * rng.random()) * float(_widening(len(top))[k, 0])
        _claw(sheet, under[k] + lobes[k] * 0.3, direction + 0.55, size, 1.3, 1)
    for k in range(2, len(top) - 1, 4):
        direction = np.arctan2(*(top[min(k + 1, len(top) - 1)] - top[k - 1])[::-1])
        _claw(sheet, top[k] + [0, 0.004], direction - 0.5, 0.026 + 0.014 * rng.random(), 1.6, 1)
    for angle, size in ((0.1, 0.075), (0.55, 0.085), (1.0, 0.085), (1.5, 0.075), (2.0, 0.055)):
        _claw(sheet, back[-6], angle, size, 1.5, 2)


def _near_crest(sheet: Print, rng: np.random.Generator) -> None:
    back, face = _even(NEAR_BACK), _even(NEAR_FACE)
    top = back[66:]
    under = top + _widening(len(top)) * (np.array(_between(back, face, 0.20))[66:] - top)
    sheet.shape([*map(tuple, top), *map(tuple, under[::-1])], FOAM, LINE)
    for k in range(10, len(top) - 1, 9):
        direction = np.arctan2(*(top[min(k + 1, len(top) - 1)] - top[k - 1])[::-1])
        _claw(sheet, under[k], direction + 0.7, 0.036 + 0.016 * rng.random(), 1.3, 1)
        _claw(sheet, top[k] + [0, 0.003], direction - 0.4, 0.024 + 0.012 * rng.random(), 1.5, 1)
    for angle in (-0.3, 0.3, 0.9):
        _claw(sheet, back[-3], angle, 0.055, 1.5, 2)


def _boat(sheet: Print, at: Point, size: float, tilt: float) -> None:
    """A long open boat with a row of crouching oarsmen."""
    c, s = np.cos(tilt) * size, np.sin(tilt) * size

    def place(points: Sequence[Point]) -> list[Point]:
        return [(at[0] + c * u - s * v, at[1] + s * u + c * v) for u, v in points]

    hull = curve([(-0.5, -0.06), (-0.30, 0.0), (0.0, 0.02), (0.30, -0.02), (0.52, -0.13)], 8)
    keel = curve([(0.52, -0.13), (0.36, 0.05), (0.05, 0.10), (-0.3, 0.07), (-0.5, -0.06)], 8)
    for u in np.linspace(-0.30, 0.26, 6):
        body = [(u - 0.035, 0.02), (u - 0.03, -0.05), (u + 0.015, -0.06), (u + 0.04, 0.02)]
        sheet.shape(place(body), NAVY, LINE * 0.5)
        x, y = place([(u + 0.012, -0.072)])[0]
        sheet.dot(x, y, 0.019 * size, CREAM, LINE * 0.6)
    sheet.shape(place([*hull, *keel]), OCHRE, LINE)
    sheet.line(
        place(curve([(-0.45, -0.03), (0.0, 0.055), (0.47, -0.085)], 8)), LINE * 0.8, ink=RUST
    )


def _swell(sheet: Print, rng: np.random.Generator) -> None:
    """The dark swell in front, with foam lines that follow it."""
    x = np.linspace(-0.02, 1.02, 90)
    for level, swing, sea in ((0.625, 0.030, NAVY), (0.668, 0.018, INDIGO)):
        y = level + swing * np.cos(x * 6.0 + 0.9) + 0.004 * np.sin(31 * x)
        sheet.shape([*zip(x, y, strict=True), (1.02, 0.75), (-0.02, 0.75)], sea, LINE)
        for offset in (0.007, 0.016, 0.027):
            for start in rng.uniform(-0.05, 0.95, 6):
                u = np.linspace(start, start + rng.uniform(0.08, 0.2), 24)
                v = np.interp(u, x, y) + offset
                ink = PALE if offset < 0.01 else BLUE
                sheet.line(list(zip(u, v, strict=True)), 0.0032, ink=ink)
        for k in range(3, 88, 6):
            _claw(sheet, np.array([x[k], y[k] + 0.004]), -0.7, 0.020 + 0.012 * rng.random(), 1.7, 1)


def _spray(sheet: Print, rng: np.random.Generator) -> None:
    """Drops thrown ahead of the crest."""
    for _ in range(170):
        x, y = rng.normal([0.53, 0.20], [0.075, 0.085])
        in_sky = y > 0.06 and x > 0.36
        if in_sky:
            sheet.dot(x, y, 0.0012 + 0.0026 * rng.random() ** 2, FOAM, 0.0008)


def _seal(sheet: Print) -> None:
    """A cartouche and a red seal in the upper corner."""
    sheet.shape([(0.915, 0.035), (0.955, 0.035), (0.955, 0.165), (0.915, 0.165)], CREAM, LINE * 0.8)
    for k, y in enumerate(np.linspace(0.05, 0.145, 5)):
        sheet.line([(0.924, y), (0.935, y + 0.004), (0.947, y)], 0.0032, 0.001)
        sheet.line([(0.935, y - 0.008), (0.935 + 0.002 * (k % 2), y + 0.011)], 0.0028, 0.001)
    sheet.shape([(0.922, 0.178), (0.948, 0.178), (0.948, 0.204), (0.922, 0.204)], RUST, 0)
    sheet.line(
        [(0.928, 0.184), (0.942, 0.184), (0.942, 0.198), (0.929, 0.198)], 0.003, 0.002, CREAM
    )
