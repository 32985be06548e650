"""How much of the content's structure is left: SSIM over scales, and edges."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nst.images.filters import Array, blur, gaussian, luminance

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the scales, fine to coarse
STABLE = (0.01**2, 0.03**2)  # C1 and C2 of SSIM, for values in [0, 1]
SMALLEST = 11  # short side of a scale, px: the window of SSIM
EDGE_SIGMA = 1.5  # px
KEPT = 0.25  # share of the local maxima of the gradient that count as edges
TOLERANCE = 2  # px
FAINT = 1e-3  # a gradient per px that is none

Edges = npt.NDArray[np.bool_]


def structure(result: Array, content: Array) -> float:
    """Multi-scale structural similarity of the luminance (Wang, Simoncelli and Bovik 2003).

    First the result takes the content's mean and standard deviation, so that neither brightness
    nor contrast as a whole counts. Scales with a short side below 11 px are left out, and the
    weights of the others renormalised. 0 to 1, where 1 is the content image. Higher is better.

    Args:
        result: ``[H, W, 3]`` in [0, 1].
        content: ``[H, W, 3]``, of the same size.
    """
    kept = luminance(content)
    painted = _matched(luminance(result), kept)
    product, total, window = 1.0, 0.0, gaussian(1.5)
    for index, weight in enumerate(WEIGHTS):
        if index:
            kept, painted = _halved(kept), _halved(painted)
        last = index == len(WEIGHTS) - 1 or min(kept.shape) < 2 * SMALLEST
        brightness, contrast = _similarity(painted, kept, window)
        value = brightness * contrast if last else contrast
        product *= max(0.0, float(value.mean())) ** weight
        total += weight
        if last:
            break
    return float(product ** (1 / total))


def edge_score(result: Array, content: Array) -> float:
    """F-score of the result's thin edges against the content's.

    Edges are the strongest quarter of the local maxima of the luminance's gradient. One counts as
    found within 2 px of one of the other image. 0 to 1, where 1 has the same edges; unrelated
    pictures come to about 0.3 by chance. Higher is better. Two images without edges agree.

    Args:
        result: ``[H, W, 3]`` in [0, 1].
        content: ``[H, W, 3]``, of the same size.
    """
    painted, kept = _edges(luminance(result)), _edges(luminance(content))
    if not painted.any() or not kept.any():
        return float(painted.any() == kept.any())
    precision = float(_near(kept)[painted].mean())
    recall = float(_near(painted)[kept].mean())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _matched(image: Array, target: Array) -> Array:
    scale = target.std() / max(float(image.std()), 1e-6)
    return np.asarray((image - image.mean()) * scale + target.mean(), np.float32)


def _halved(image: Array) -> Array:
    """Means of 2 x 2 px, as in the paper."""
    height, width = (side // 2 * 2 for side in image.shape)
    return np.asarray(image[:height, :width].reshape(height // 2, 2, width // 2, 2).mean((1, 3)))


def _similarity(one: Array, other: Array, window: Array) -> tuple[Array, Array]:
    """Brightness term, and the product of the contrast and structure terms, per pixel."""
    mean_one, mean_other = blur(one, window), blur(other, window)
    variances = blur(one * one + other * other, window) - mean_one**2 - mean_other**2
    covariance = blur(one * other, window) - mean_one * mean_other
    c1, c2 = STABLE
    brightness = (2 * mean_one * mean_other + c1) / (mean_one**2 + mean_other**2 + c1)
    return brightness, (2 * covariance + c2) / (np.maximum(variances, 0) + c2)


def _edges(image: Array) -> Edges:
    """Local maxima of the gradient along its direction, the strongest ones, ``[H, W]``."""
    if min(image.shape) < 2:  # no gradient across a single pixel
        return np.zeros(image.shape, bool)
    down, across = np.gradient(blur(image, gaussian(EDGE_SIGMA)))
    strength = np.hypot(down, across)
    sector = np.round(np.arctan2(down, across) / (np.pi / 4)).astype(int) % 4
    ahead = [(0, 1), (1, 1), (1, 0), (1, -1)]  # rows and columns, by sector
    padded = np.pad(strength, 1)
    height, width = strength.shape

    def shifted(row: int, column: int) -> Array:
        return padded[1 + row : 1 + row + height, 1 + column : 1 + column + width]

    peak = np.zeros(strength.shape, bool)
    for index, (row, column) in enumerate(ahead):
        highest = (strength >= shifted(row, column)) & (strength > shifted(-row, -column))
        peak |= (sector == index) & highest
    peak &= strength > FAINT
    if not peak.any():
        return peak
    return np.asarray(peak & (strength >= np.quantile(strength[peak], 1 - KEPT)))


def _near(edges: Edges) -> Edges:
    """Widens edges by the tolerance in all directions."""
    padded = np.pad(edges, TOLERANCE)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * TOLERANCE + 1,) * 2)
    return np.asarray(windows.any(axis=(2, 3)))
