"""How near the patches of a result are to those of the style, in three octaves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nst.images.filters import Array, halved
from nst.metrics.distributions import bases, blended, quantiles, squared_distance
from nst.metrics.remembered import remembered

SIDE = 7  # of a patch, px
OCTAVES = 3
SPACING = 96  # patches along each side of the image at most
NEGLIGIBLE = 1e-6  # mean square of a difference that no eye sees, in [0, 1]


def patch_distance(
    result: Array, content: Array, styles: Sequence[Array], weights: Sequence[float]
) -> float:
    """Compares the distributions of patches, as sliced Wasserstein distances.

    Per octave: ``SW²(result, style) / SW²(content, style)``, and the mean over octaves. 0 has the
    style's patches, 1 is as far from them as the content image, or as patches of one colour where
    those of content and style are equal; may exceed 1. Lower is better.
    Patches are without their mean colour, which :mod:`nst.metrics.color` compares. Several styles
    are blended by the barycentre of their projections.

    Args:
        result: ``[H, W, 3]`` in [0, 1], as all others.
        content: The content image.
        styles: At least one.
        weights: One per style; only ratios matter.
    """
    ratios = []
    for painted, kept, *wanted in zip(*map(_octaves, (result, content, *styles)), strict=True):
        target = blended(wanted, weights)
        baseline = squared_distance(kept, target)
        if baseline < NEGLIGIBLE:
            baseline = max(squared_distance(0 * target, target), NEGLIGIBLE)
        ratios.append(squared_distance(painted, target) / baseline)
    return sum(ratios) / OCTAVES


@remembered(8)
def _octaves(image: Array) -> list[Array]:
    """Returns the quantile functions of an image's patches, fine to coarse."""
    directions, functions = bases(SIDE * SIDE * 3, 1)[:, :64], []
    for octave in range(OCTAVES):
        image = halved(image) if octave else image
        functions.append(quantiles(_patches(image), directions))
    return functions


def _patches(image: Array) -> Array:
    """Cuts patches on a grid, each without its mean colour, ``[N, SIDE² * 3]``."""
    short = [(0, max(0, SIDE - side)) for side in image.shape[:2]]
    image = np.pad(image, [*short, (0, 0)], "symmetric") if np.any(short) else image
    windows = np.lib.stride_tricks.sliding_window_view(image, (SIDE, SIDE), (0, 1))
    down, across = (
        np.linspace(0, count - 1, min(count, SPACING)).round().astype(int)
        for count in windows.shape[:2]
    )
    chosen = windows[down[:, None], across]  # [n, m, 3, SIDE, SIDE]
    chosen = chosen - chosen.mean(axis=(3, 4), keepdims=True)
    return np.asarray(chosen.reshape(-1, 3 * SIDE * SIDE))
