"""Strips of an image: what is computed of a large one at once fills memory. Free of TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy.typing as npt

ROWS = 256


def strips(image: npt.NDArray[Any], beyond: int = 0) -> Iterator[npt.NDArray[Any]]:
    """Cuts an image into strips of ``ROWS`` rows, the last one of those that are left.

    Args:
        image: ``[H, ...]``.
        beyond: How many rows of the next strip each has as well.
    """
    for top in range(0, len(image) - beyond, ROWS):
        yield image[top : top + ROWS + beyond]
