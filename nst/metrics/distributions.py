"""The sliced Wasserstein distance of samples in many dimensions (Rabin et al. 2011).

Samples are projected onto fixed directions. On a line, the squared distance of two distributions
is the mean square difference of their quantile functions (optimal transport is sorting), and the
weighted mean of quantile functions is their barycentre, which is how styles are blended.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from nst.images.filters import Array

LEVELS = 256  # at which quantile functions are compared
POSITIONS = 16384  # at most, on a regular grid


def thinned(samples: Array) -> Array:
    """Takes at most ``POSITIONS`` rows of ``[N, D]``, evenly spaced."""
    count = min(len(samples), POSITIONS)
    return samples[np.arange(count) * len(samples) // count]


def quantiles(samples: Array, directions: Array) -> Array:
    """Returns the quantile function of each projection, ``[LEVELS, K]``.

    Args:
        samples: ``[N, D]``; their number may differ between the images that are compared.
        directions: Unit vectors, ``[D, K]``.
    """
    levels = (np.arange(LEVELS) + 0.5) / LEVELS
    projected = np.sort((thinned(samples) @ directions).T.copy()).T  # rows in memory: much faster
    places = np.clip(levels * len(projected) - 0.5, 0, len(projected) - 1)
    below = np.floor(places).astype(int)
    above, share = np.minimum(below + 1, len(projected) - 1), (places % 1)[:, None]
    return np.asarray((1 - share) * projected[below] + share * projected[above], np.float32)


def blended(functions: Sequence[Array], weights: Sequence[float]) -> Array:
    """Returns the weighted mean of quantile functions: the barycentre on each line."""
    return np.asarray(np.average(functions, axis=0, weights=weights), np.float32)


def squared_distance(one: Array, other: Array) -> float:
    """Returns the mean over directions of the squared Wasserstein distance."""
    return float(np.mean(np.square(one - other), dtype=np.float64))


@lru_cache(maxsize=4)
def bases(dimensions: int, count: int) -> Array:
    """Returns the axes of fixed, randomly turned orthonormal bases, ``[dimensions, count * dim]``.

    Over whole bases, the mean square of a vector's projections is exactly its square over
    ``dimensions``.
    """
    random = np.random.default_rng(0)
    drawn = [np.linalg.qr(random.normal(size=(dimensions, dimensions)))[0] for _ in range(count)]
    found = np.concatenate(drawn, axis=1).astype(np.float32)
    found.flags.writeable = False  # it is shared
    return found
