"""Brush strokes: paths through a flow field, bristles, and light on thick paint.

A layer of strokes is painted at once: thousands of paths are traced through the flow, each is
sampled densely along and across, and all samples are scattered onto the canvas in painting
order, so that a later stroke covers an earlier one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from painting.fields import Array, noise, resize

SAMPLES_PER_PIXEL = 1.45  # along and across; below about 1.4 curved strokes show pinholes
SAMPLES_PER_BATCH = 400_000
PATH_POINTS = 14
SHEET = 5  # the bristle sheet is this many strokes wide and long
OVERSAMPLING = 1.5  # pictures are painted larger and reduced, which smooths stroke edges


Index = NDArray[np.int32]


@dataclass
class Canvas:
    """Wet paint: colour ``[H, W, 3]`` in [0, 1] and the height of the paint ``[H, W]``."""

    colour: Array
    relief: Array

    @classmethod
    def primed(cls, shape: tuple[int, int], ground: Array) -> Canvas:
        """A flat canvas of one colour."""
        return cls(np.tile(ground, (*shape, 1)).astype(np.float32), np.zeros(shape, np.float32))

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.relief.shape[0], self.relief.shape[1]


@dataclass(frozen=True)
class Brush:
    """One kind of stroke; lengths in picture widths, variations as standard deviations.

    Attributes:
        width: Stroke width.
        length: Stroke length.
            value: Variation of brightness from stroke to stroke.
        hue: Variation of each colour channel from stroke to stroke.
        streak: Variation of brightness from bristle to bristle within a stroke.
        dryness: Share of bristles that run dry before the end of the stroke, in [0, 1].
        body: Height of the paint.
    """

    width: float
    length: float
    coverage: float = 3.5
    value: float = 0.05
    hue: float = 0.02
    streak: float = 0.06
    dryness: float = 0.3
    body: float = 1.0


def paint(
    canvas: Canvas,
    brush: Brush,
    colour: Array,
    flow: Array,
    rng: np.random.Generator,
    where: Array | None = None,
) -> None:
    """Cover ``canvas`` with one layer of strokes.

    Args:
        canvas: Painted in place.
        brush: The kind of stroke.
        colour: What each stroke picks up at its middle, ``[H, W, 3]``.
        flow: Angle of the strokes in radians, ``[H, W]``, clockwise from rightward.
        rng: Source of randomness.
        where: Chance of a stroke at each pixel, ``[H, W]`` in [0, 1]; everywhere if not given.
    """
    middles = _scatter(canvas.shape, brush, rng)
    rows, columns = _pixels(middles, canvas.shape)
    if where is not None:
        kept = rng.random(len(middles)) < where[rows, columns]
        middles, rows, columns = middles[kept], rows[kept], columns[kept]
    if not len(middles):
        return
    paths = trace(flow, middles, brush.length * canvas.shape[1])
    picked = colour[rows, columns] + rng.normal(0, brush.hue, (len(rows), 3))
    picked = picked + rng.normal(0, brush.value, (len(rows), 1))
    lay(canvas, brush, paths, picked.astype(np.float32), rng)


def _scatter(shape: tuple[int, int], brush: Brush, rng: np.random.Generator) -> Array:
    """Stroke middles ``[N, 2]`` (x, y in pixels): a jittered grid in random order."""
    step = max(1.0, (brush.width * brush.length / brush.coverage) ** 0.5 * shape[1])
    grid = np.mgrid[0 : shape[1] : step, 0 : shape[0] : step].reshape(2, -1).T
    jittered = grid + rng.uniform(-step, step, grid.shape) * 0.8
    return rng.permutation(jittered).astype(np.float32)


def _pixels(points: Array, shape: tuple[int, int]) -> tuple[Index, Index]:
    columns = np.clip(points[..., 0].astype(np.int32), 0, shape[1] - 1)
    rows = np.clip(points[..., 1].astype(np.int32), 0, shape[0] - 1)
    return rows, columns


def trace(flow: Array, middles: Array, length: float) -> Array:
    """Paths ``[N, PATH_POINTS, 2]`` through ``middles`` along the flow, ``length`` pixels long."""
    half = PATH_POINTS // 2
    step = length / (PATH_POINTS - 1)
    ahead = _walk(flow, middles, step, half)
    behind = _walk(flow, middles, -step, PATH_POINTS - half - 1)
    return np.stack([*behind[::-1], middles, *ahead], axis=1)


def _walk(flow: Array, start: Array, step: float, count: int) -> list[Array]:
    points, here, heading = [], start, None
    for _ in range(count):
        angle = flow[_pixels(here, (flow.shape[0], flow.shape[1]))]
        towards = np.stack([np.cos(angle), np.sin(angle)], axis=-1) * step
        if heading is not None:  # an orientation has no sign: never turn back
            towards *= np.where((towards * heading).sum(-1, keepdims=True) < 0, -1, 1)
        here, heading = (here + towards).astype(np.float32), towards
        points.append(here)
    return points


def lay(
    canvas: Canvas, brush: Brush, paths: Array, colours: Array, rng: np.random.Generator
) -> None:
    """Lay strokes of ``colours`` ``[N, 3]`` along ``paths`` ``[N, K, 2]`` in pixels, in order."""
    width = max(2.0, brush.width * canvas.shape[1])
    length = np.hypot(*np.diff(paths, axis=1).transpose(2, 0, 1)).sum(axis=1).max()
    along = max(4, int(length * SAMPLES_PER_PIXEL))
    across = max(4, int(width * SAMPLES_PER_PIXEL))
    bristles = _bristle_texture(along, across, rng)
    batch = max(1, SAMPLES_PER_BATCH // (along * across))
    for first in range(0, len(paths), batch):
        part = slice(first, first + batch)
        _lay_batch(canvas, brush, paths[part], colours[part], width, bristles, rng)


def _bristle_texture(along: int, across: int, rng: np.random.Generator) -> Array:
    """Long streaks, mean 0 and deviation 1; strokes cut their pieces from this sheet."""
    shape = (across * SHEET, along * SHEET)
    fine = noise(shape, 10, rng, octaves=1, stretch=max(1.0, shape[1] / 10 / 4))
    hairs = resize(rng.standard_normal((shape[0] // 2, 6)).astype(np.float32), shape)
    return fine * 0.5 + hairs * 0.6


def _lay_batch(
    canvas: Canvas,
    brush: Brush,
    paths: Array,
    colours: Array,
    width: float,
    bristles: Array,
    rng: np.random.Generator,
) -> None:
    across, along = bristles.shape[0] // SHEET, bristles.shape[1] // SHEET
    u = np.linspace(0, 1, along, dtype=np.float32)[:, None]
    v = np.linspace(-1, 1, across, dtype=np.float32)
    spine, normal = _spine(paths, u[:, 0])
    taper = np.sqrt(1 - np.abs(2 * u - 1) ** 4)
    swell = rng.uniform(0.7, 1.15, (len(paths), 1, 1)).astype(np.float32)
    reach = (width / 2) * swell * (taper * v)
    x = (spine[..., :1] + normal[..., :1] * reach).astype(np.int32)
    y = (spine[..., 1:] + normal[..., 1:] * reach).astype(np.int32)
    hair = _cut(bristles, len(paths), along, across, rng)
    wet = hair > -2.2 + 2.4 * brush.dryness * (u + 0.6 * np.abs(v) ** 3)
    rows, columns = canvas.shape
    wet &= (x >= 0) & (x < columns) & (y >= 0) & (y < rows)
    pixel = (y * np.int32(columns) + x)[wet]
    ridge = 0.55 + 0.45 * np.abs(v) ** 3 - np.abs(v) ** 12  # paint piles up at a stroke's edge
    height = (brush.body * (ridge + 0.3 * hair) * (0.7 + 0.5 * u))[wet]
    stroke = np.broadcast_to(np.arange(len(paths))[:, None, None], wet.shape)[wet]
    shade = 1 + brush.streak * hair[wet]
    canvas.colour.reshape(-1, 3)[pixel] = colours[stroke] * shade[:, None]
    relief = canvas.relief.reshape(-1)
    relief[pixel] = 0.25 * relief[pixel] + height


def _spine(paths: Array, u: Array) -> tuple[Array, Array]:
    """Points and unit normals at fractions ``u`` of each path, both ``[N, U, 2]``."""
    position = u * (paths.shape[1] - 1)
    left = np.minimum(position.astype(np.int32), paths.shape[1] - 2)
    part = (position - left)[:, None]
    spine = paths[:, left] * (1 - part) + paths[:, left + 1] * part
    tangents = np.gradient(paths, axis=1)
    tangent = tangents[:, left] * (1 - part) + tangents[:, left + 1] * part
    tangent /= np.maximum(np.linalg.norm(tangent, axis=-1, keepdims=True), 1e-6)
    return spine, np.stack([-tangent[..., 1], tangent[..., 0]], axis=-1)


def _cut(sheet: Array, count: int, along: int, across: int, rng: np.random.Generator) -> Array:
    """``count`` random pieces ``[N, along, across]`` of the bristle sheet."""
    rows = rng.integers(0, sheet.shape[0] - across + 1, count)[:, None] + np.arange(across)
    columns = rng.integers(0, sheet.shape[1] - along + 1, count)[:, None] + np.arange(along)
    return sheet[rows[:, None, :], columns[:, :, None]]


def varnish(canvas: Canvas, depth: float = 0.5, gloss: float = 0.12) -> Array:
    """The finished picture ``[H, W, 3]``: light from the upper left grazes the paint.

    Args:
        canvas: What was painted.
        depth: Strength of the relief.
        gloss: Strength of the highlights on ridges.
    """
    slope_y, slope_x = np.gradient(canvas.relief)
    facing = -(slope_x + slope_y) * depth
    lit = np.tanh(-facing)
    shade = 1 - 0.28 * np.clip(-lit, 0, 1) + 0.16 * np.clip(lit, 0, 1)
    glint = gloss * np.clip(lit - 0.35, 0, 1) ** 2
    return np.clip(canvas.colour * shade[..., None] + glint[..., None], 0, 1)


def reduce(picture: Array, width: int) -> Array:
    """The picture ``[H, W, 3]`` scaled down to ``width`` pixels."""
    height = round(width * picture.shape[0] / picture.shape[1])
    bytes_ = (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)
    small = Image.fromarray(bytes_).resize((width, height), Image.Resampling.LANCZOS)
    return np.asarray(small, np.float32) / 255
