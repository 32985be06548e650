"""Sizes and resampling of source images. Free of TensorFlow."""

from __future__ import annotations

import numpy as np
from PIL import Image

from nst.images.picture import Pixels
from nst.images.strips import strips


def resize(values: Pixels, size: tuple[int, int]) -> Pixels:
    """Resamples with a Lanczos window that widens when shrinking, so that nothing aliases.

    It works on the sRGB values as they are, like the browsers and Pillow itself, in float32.

    Args:
        values: ``[H, W]`` or ``[H, W, C]`` in [0, 1].
        size: Height and width wanted, px.

    Returns:
        The same number of channels at that size, in [0, 1]; ``values`` itself when nothing changes.
    """
    if values.shape[:2] == tuple(size):
        return values
    if values.ndim == 3:
        return np.stack([resize(channel, size) for channel in np.moveaxis(values, 2, 0)], axis=2)
    # Rows first, some at a time, as Pillow itself would at once: it copies what it gets.
    narrow = np.concatenate([_lanczos(rows, (len(rows), size[1])) for rows in strips(values)])
    in_range: Pixels = np.clip(_lanczos(narrow, size), 0.0, 1.0)  # it overshoots at edges
    return in_range


def _lanczos(channel: Pixels, size: tuple[int, int]) -> Pixels:
    image = Image.fromarray(np.ascontiguousarray(channel, np.float32))
    return np.asarray(image.resize(size[::-1], Image.Resampling.LANCZOS))


def resize_weights(values: Pixels, size: tuple[int, int]) -> Pixels:
    """Resamples by a triangular window: unlike Lanczos it never overshoots, and sums are kept.

    Args:
        values: ``[H, W, C]``.
        size: Height and width wanted, px.
    """
    if values.shape[:2] == tuple(size):
        return values
    channels = [Image.fromarray(np.ascontiguousarray(c)) for c in np.moveaxis(values, 2, 0)]
    resized = [np.asarray(c.resize(size[::-1], Image.Resampling.BILINEAR)) for c in channels]
    return np.stack(resized, axis=2)


def fit(shape: tuple[int, int], long_side: int) -> tuple[int, int]:
    """Scales a height and a width so that the longer one is exactly ``long_side``.

    Args:
        shape: Height and width, px.
        long_side: Wanted, px, at least 1.

    Returns:
        Height and width with the same aspect but for rounding, each at least 1.

    Raises:
        ValueError: A side is smaller than 1.
    """
    if min(*shape, long_side) < 1:
        raise ValueError(f"every side must be at least 1 px, got {shape} and {long_side}")
    longest = max(shape)
    height, width = (max(1, (2 * s * long_side + longest) // (2 * longest)) for s in shape)
    return height, width


def cover(values: Pixels, size: tuple[int, int]) -> Pixels:
    """Resamples so that the picture covers a size, and crops the overhang evenly.

    Args:
        values: ``[H, W, C]`` in [0, 1].
        size: Height and width wanted, px.

    Returns:
        ``[*size, C]``, of the picture's own aspect: nothing is distorted.
    """
    near = fit(values.shape[:2], max(size))
    if all(abs(a - b) <= 1 for a, b in zip(near, size, strict=True)):
        return resize(values, size)  # the same aspect but for rounding: nothing to crop
    scale = max(size[0] / values.shape[0], size[1] / values.shape[1])
    height, width = (max(s, round(v * scale)) for s, v in zip(size, values.shape[:2], strict=True))
    top, left = (height - size[0]) // 2, (width - size[1]) // 2
    return resize(values, (height, width))[top : top + size[0], left : left + size[1]]
