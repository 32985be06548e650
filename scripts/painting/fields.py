"""Fields over the picture plane: coordinates, noise, colour ramps, shapes, curves.

Every picture measures lengths in picture widths: ``x`` runs over [0, 1] and ``y`` from 0 at
the top to height / width, so a picture looks the same at any size.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Array = NDArray[np.float32]
Point = tuple[float, float]


def plane(width: int, aspect: float) -> tuple[Array, Array]:
    """Coordinates of every pixel centre, two arrays ``[H, W]`` in picture widths."""
    height = round(width * aspect)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    return (x + 0.5) / width, (y + 0.5) / width


def rgb(*codes: str) -> Array:
    """Colours ``[N, 3]`` in [0, 1] from ``"rrggbb"`` codes."""
    return np.array([list(bytes.fromhex(code)) for code in codes], np.float32) / 255


def ramp(value: Array, colours: Array) -> Array:
    """Colour of each value in [0, 1] along evenly spaced ``colours``: ``[..., 3]``."""
    stops = np.linspace(0, 1, len(colours))
    channels = [np.interp(value, stops, channel) for channel in colours.T]
    return np.stack(channels, axis=-1).astype(np.float32)


def mix(a: Array, b: Array, amount: Array | float) -> Array:
    """Linear blend of two colour fields; ``amount`` is ``[H, W]`` or a number."""
    weight = np.asarray(amount, np.float32)
    return a + (b - a) * (weight[..., None] if weight.ndim else weight)


def smoothstep(low: float, high: float, value: Array) -> Array:
    """0 below ``low``, 1 above ``high``, a smooth cubic between."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def resize(field: Array, shape: tuple[int, int]) -> Array:
    """Bicubic resize of one ``[H, W]`` field."""
    image = Image.fromarray(np.ascontiguousarray(field, np.float32))
    return np.asarray(image.resize(shape[::-1], Image.Resampling.BICUBIC), np.float32)


def noise(
    shape: tuple[int, int],
    cells: float,
    rng: np.random.Generator,
    octaves: int = 4,
    stretch: float = 1.0,
) -> Array:
    """Fractal noise with mean 0 and standard deviation 1.

    Args:
        shape: Height and width in pixels.
        cells: Lattice cells across the width in the coarsest octave.
        rng: Source of randomness.
        octaves: Number of octaves, each twice as fine and half as strong.
        stretch: Above 1 the noise is drawn out horizontally.
    """
    total = np.zeros(shape, np.float32)
    for octave in range(octaves):
        across = cells * 2**octave
        rows = max(2, round(across * shape[0] / shape[1] * stretch)) + 3
        lattice = rng.standard_normal((rows, max(2, round(across)) + 3)).astype(np.float32)
        total += resize(lattice, shape) / 2**octave
    return (total - total.mean()) / total.std()


def blur(field: Array, radius: float) -> Array:
    """Gaussian-like blur of ``[H, W]``: three box blurs of about ``radius`` pixels."""
    reach = max(1, round(radius))
    for _ in range(3):
        for axis in (0, 1):
            field = _box(field, reach, axis)
    return field


def _box(field: Array, reach: int, axis: int) -> Array:
    pad = [(0, 0)] * field.ndim
    pad[axis] = (reach + 1, reach)
    total = np.cumsum(np.pad(field, pad, mode="edge"), axis=axis, dtype=np.float64)
    size = field.shape[axis]
    window = 2 * reach + 1
    upper = np.take(total, np.arange(window, window + size), axis=axis)
    lower = np.take(total, np.arange(size), axis=axis)
    return ((upper - lower) / window).astype(np.float32)


def polygon(shape: tuple[int, int], points: Sequence[Point]) -> Array:
    """Mask ``[H, W]`` of a filled polygon whose corners are in picture widths."""
    image = Image.new("L", shape[::-1])
    scaled = [(x * shape[1], y * shape[1]) for x, y in points]
    ImageDraw.Draw(image).polygon(scaled, fill=255)
    return np.asarray(image, np.float32) / 255


def curve(points: Sequence[Point], samples: int = 24) -> list[Point]:
    """Catmull-Rom spline through ``points``, ``samples`` points a segment."""
    p = np.array([points[0], *points, points[-1]], np.float64)
    t = np.linspace(0, 1, samples, endpoint=False)[:, None]
    pieces = []
    for a, b, c, d in zip(p, p[1:], p[2:], p[3:], strict=False):
        cubic = -a + 3 * b - 3 * c + d
        square = 2 * a - 5 * b + 4 * c - d
        pieces.append(b + 0.5 * t * ((c - a) + t * (square + t * cubic)))
    pieces.append(p[-1:])
    return [(float(x), float(y)) for x, y in np.concatenate(pieces)]


def ribbon(points: Sequence[Point], start: float, middle: float, end: float) -> list[Point]:
    """Outline of a line that swells: its width at the first, middle and last point."""
    p = np.array(points, np.float64)
    tangent = np.gradient(p, axis=0)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-9)
    widths = np.interp(np.linspace(0, 1, len(p)), [0, 0.5, 1], [start, middle, end])
    offset = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1) * widths[:, None] / 2
    outline = np.concatenate([p + offset, (p - offset)[::-1]])
    return [(float(x), float(y)) for x, y in outline]
