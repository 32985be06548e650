"""The scales of a run, planned from coarse to fine. Free of TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Scale:
    """One scale of the coarse-to-fine optimisation.

    Attributes:
        height: Height of the picture, px.
        width: Width of the picture, px.
        steps: Number of updates at this scale.
    """

    height: int
    width: int
    steps: int


def plan(
    shape: tuple[int, int], steps: int, min_size: int | None, factor: float, exponent: float
) -> list[Scale]:
    """Plans the scales, coarse to fine.

    Args:
        shape: Height and width of the result, px.
        steps: Total number of updates; every scale gets at least one, the finest the rest.
        min_size: Smallest long side of a scale, px; None for a single scale.
        factor: Ratio of the long sides of neighbouring scales, > 1.
        exponent: The steps of a scale are proportional to its long side to this power.

    Returns:
        The scales; the last has the given shape.
    """
    long_side = max(shape)
    sides = [float(long_side)]
    # Compare whole pixels: 512 / sqrt(2)⁴ is 127.999… and must count as 128.
    while min_size is not None and round(sides[0] / factor) >= min_size and len(sides) < steps:
        sides.insert(0, sides[0] / factor)
    shares = np.array(sides) ** exponent
    counts = np.maximum(1, np.round(steps * shares / shares.sum())).astype(int)
    counts[-1] = max(1, steps - counts[:-1].sum())
    while counts.sum() > steps:  # rounding up gave too many: take from the largest
        counts[counts.argmax()] -= 1
    height, width = (np.maximum(1, np.rint(np.array(sides) * s / long_side)) for s in shape)
    return [Scale(*map(int, level)) for level in zip(height, width, counts, strict=True)]
