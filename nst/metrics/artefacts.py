"""Faults that have nothing to do with content or style: grain, frames, clipped values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nst.images.filters import BINOMIAL, Array, blur, luminance
from nst.images.strips import strips

FAINT = (0.25 / 255) ** 2  # mean square of what rounding to 8 bits hides, about
END = 0.5 / 255  # of the range: what 8 bits show as black or white
DEPTH = 32  # a frame is looked for in the outer 1/32 of the long side


def grain(result: Array, styles: Sequence[Array], weights: Sequence[float]) -> float:
    """Energy of the luminance's highest octave over that of the styles.

    The octave is what a binomial filter of 5 px removes. 0 and more: below 1 smoother than the
    style, above 1 noisier. Best at 1. Rounding noise counts in both, so that a flat style is none.

    Args:
        result: ``[H, W, 3]`` in [0, 1].
        styles: At least one, at the scale of the result.
        weights: One per style; only ratios matter.
    """
    wanted = float(np.average([_octave(style) for style in styles], weights=weights))
    return (_octave(result) + FAINT) / (wanted + FAINT)


def border(image: Array) -> float:
    """Looks for a frame: a change of brightness that is the same all along a side.

    Per side and depth, the second difference of the luminance across the border is averaged along
    the side and squared, over the mean of its square there or in the whole image, whichever is
    more. Of each side the strongest depth counts, and of the picture the mean over its sides.
    0 to 1: 0 is no frame, 1 an image that is nothing else. Lower is better.

    Args:
        image: ``[H, W, 3]`` in [0, 1].
    """
    grey = luminance(image)
    depth = max(2, max(grey.shape) // DEPTH)
    shares = []
    for across in (grey, grey.T):
        if len(across) < 3:  # too few pixels for a frame
            continue
        energy = max(_bending(across), FAINT)
        for side in (across[: depth + 2], across[-depth - 2 :]):
            bends = np.diff(side, 2, axis=0)
            share = bends.mean(axis=1) ** 2 / np.maximum((bends**2).mean(axis=1), energy)
            shares.append(float(share.max()))
    return float(np.mean(shares)) if shares else 0.0


def clipping(image: Array) -> float:
    """Share of pixels that have a channel at black or white, 0 to 1. Lower is better.

    A style with flat black or white has them rightly: compare runs of the same style.

    Args:
        image: ``[H, W, 3]`` in [0, 1].
    """
    clipped = [((strip < END) | (strip > 1 - END)).any(axis=2).sum() for strip in strips(image)]
    return float(sum(clipped) / (image.shape[0] * image.shape[1]))


def _bending(image: Array) -> float:
    """Returns the mean square of the second difference down an image ``[H, W]``."""
    sums = [
        np.square(np.diff(strip, 2, axis=0)).sum(dtype=np.float64) for strip in strips(image, 2)
    ]
    return float(sum(sums) / ((len(image) - 2) * image.shape[1]))


def _octave(image: Array) -> float:
    grey = luminance(image)
    return float(np.mean(np.square(grey - blur(grey, BINOMIAL)), dtype=np.float64))
