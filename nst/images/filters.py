"""Luminance, blurring and halving of images. Free of TensorFlow."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]

LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)  # of sRGB values, Rec. 709
# Blurs by one octave: Burt and Adelson (1983).
BINOMIAL: Array = np.array([1, 4, 6, 4, 1], np.float32) / np.float32(16)


def luminance(image: npt.ArrayLike) -> Array:
    """Weighs the channels of ``[H, W, 3]`` in [0, 1]; returns ``[H, W]``."""
    return np.asarray(np.asarray(image, np.float32) @ LUMA)


def gaussian(sigma: float) -> Array:
    """Returns the kernel of a Gaussian, cut at three standard deviations, sum 1."""
    reach = int(np.ceil(3 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    return np.asarray(kernel / kernel.sum(), np.float32)


def blur(image: Array, kernel: Array) -> Array:
    """Convolves the first two axes with a kernel of odd length; edge pixels are repeated."""
    reach = len(kernel) // 2
    for axis in (0, 1):
        pad = [(reach, reach) if a == axis else (0, 0) for a in range(image.ndim)]
        padded, size = np.pad(image, pad, "edge"), image.shape[axis]
        blurred = np.zeros_like(image)
        for i, weight in enumerate(kernel):
            shifted = padded[i : i + size] if axis == 0 else padded[:, i : i + size]
            blurred = blurred + weight * shifted
        image = blurred
    return image


def halved(image: Array) -> Array:
    """Blurs and takes every second pixel of the first two axes."""
    return blur(image, BINOMIAL)[::2, ::2]
