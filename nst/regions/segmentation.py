"""Divides a picture into regions of similar colour: k-means in OKLab, smoothed.

No network and no training: sky, sea and walls come out well, a face before a crowd does not. The
result is meant to be corrected in any editor.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nst.images import Pixels, fit, resize, resize_weights
from nst.images.oklab import to_oklab

Labels = npt.NDArray[np.intp]

LONG_SIDE = 384  # px, at which clusters are found
LIGHTNESS, CHROMA = 0.4, 2.0  # weights: light and shade fall on one thing, its hue stays
TEXTURE = 2.0  # weight of the deviation of lightness nearby: the sky is smooth, houses are not
POSITION = 0.2  # OKLab distance that one long side counts for: keeps distant things apart
GRAIN, NEARBY = 0.006, 0.012  # radii as shares of the long side: averaged away, and seen as texture
SMOOTHING = 0.012  # radius as a share of the long side: specks and fringes below it vanish
STARTS, ROUNDS = 4, 30


def segment(rgb: Pixels, count: int) -> Labels:
    """Divides a picture into regions.

    Args:
        rgb: ``[H, W, 3]`` in [0, 1].
        count: Number of regions, at least 1; fewer are found in a picture of fewer colours.

    Returns:
        The region of each pixel, ``[H, W]``, from 0 on by falling size; the same at every call.
    """
    size = fit(rgb.shape[:2], min(LONG_SIDE, max(rgb.shape[:2])))
    small = resize(rgb, size)
    long_side = max(size)
    labels = _clusters(_features(small).reshape(-1, 6), count).reshape(size)
    shares = np.eye(count, dtype=np.float32)[labels]
    for _ in range(3):  # a vote among neighbours
        shares = blurred(shares, max(1, round(SMOOTHING * long_side)))
        shares = np.eye(count, dtype=np.float32)[shares.argmax(-1)]
    soft = blurred(shares, 1)
    return _by_size(resize_weights(soft, rgb.shape[:2]).argmax(-1))


def _features(rgb: Pixels) -> Pixels:
    """Returns what is alike within a region, ``[h, w, 6]``: colour, texture and place."""
    height, width = rgb.shape[:2]
    long_side = max(height, width)
    lab = to_oklab(rgb)
    near = max(1, round(NEARBY * long_side))
    mean, square = blurred(lab[..., :1], near), blurred(lab[..., :1] ** 2, near)
    texture = blurred(np.sqrt(np.maximum(square - mean**2, 0)), near)
    smooth = blurred(lab, max(1, round(GRAIN * long_side)))
    rows, columns = np.mgrid[:height, :width] * (POSITION / long_side)
    weighted = smooth * np.array([LIGHTNESS, CHROMA, CHROMA], np.float32)
    return np.dstack([weighted, TEXTURE * texture, rows, columns])


def blurred(values: Pixels, radius: int) -> Pixels:
    """Averages ``[H, W, C]`` over squares of ``2 radius + 1`` px."""
    width = 2 * radius + 1
    for axis in (0, 1):
        around = [(0, 0)] * 3
        around[axis] = (radius + 1, radius)
        sums = np.cumsum(np.pad(values, around, "edge"), axis, np.float64)
        length = values.shape[axis]
        last, before = (np.take(sums, range(i, i + length), axis) for i in (width, 0))
        values = ((last - before) / width).astype(np.float32)
    return values


def _clusters(features: Pixels, count: int) -> Labels:
    """Returns the clusters of ``[N, D]`` features by k-means, the best of a few starts."""
    random = np.random.default_rng(0)
    found = [_lloyd(features, _spread(features, count, random)) for _ in range(STARTS)]
    return min(found, key=lambda result: result[1])[0]


def _spread(features: Pixels, count: int, random: np.random.Generator) -> Pixels:
    """Draws far-apart centres (k-means++)."""
    centres: Pixels = features[random.integers(len(features))][None]
    while len(centres) < count:
        nearest = _distances(features, centres).min(-1)
        whole = float(nearest.sum())
        shares = nearest / whole if whole > 0 else None
        centres = np.vstack([centres, features[random.choice(len(features), p=shares)]])
    return centres


def _lloyd(features: Pixels, centres: Pixels) -> tuple[Labels, float]:
    for _ in range(ROUNDS):
        labels = _distances(features, centres).argmin(-1)
        counts = np.bincount(labels, minlength=len(centres))[:, None]
        sums = np.stack([np.bincount(labels, f, len(centres)) for f in features.T], -1)
        moved = np.where(counts > 0, sums / np.maximum(counts, 1), centres)
        if np.allclose(moved, centres, atol=1e-5):
            break
        centres = moved
    distances = _distances(features, centres)
    return distances.argmin(-1), float(distances.min(-1).sum())


def _distances(features: Pixels, centres: Pixels) -> npt.NDArray[np.float64]:
    """Returns squared distances ``[N, K]``."""
    squares = [np.square(features - centre).sum(-1, dtype=np.float64) for centre in centres]
    return np.stack(squares, -1)


def _by_size(labels: Labels) -> Labels:
    found, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
    rank = np.empty(len(found), np.intp)
    rank[np.argsort(-counts, kind="stable")] = np.arange(len(found))
    return rank[inverse].reshape(labels.shape)
