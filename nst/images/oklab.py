"""OKLab (Ottosson, "A perceptual color space for image processing", 2020). Free of TensorFlow.

Distances in it are about those that people see, and lightness is one of its axes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nst.images.picture import Pixels

_CONES = np.array(  # responses of the cones to linear sRGB
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_LAB = np.array(  # lightness, green to red, blue to yellow, of their cube roots
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
_SLACK = 1e-4  # of linear light, which 8 bits do not show
_HALVINGS = 10  # of the interval of chroma that a lightness may have


def to_oklab(rgb: Pixels) -> Pixels:
    """Converts sRGB ``[..., 3]`` in [0, 1] to OKLab: lightness in [0, 1] and two of chroma."""
    cones = np.cbrt(srgb_to_linear(rgb) @ _CONES.T.astype(np.float32))
    lab: Pixels = cones @ _LAB.T.astype(np.float32)
    return lab


def in_range(lab: Pixels) -> Pixels:
    """Reduces chroma, and it alone, until a screen can show every colour."""
    lab = np.concatenate([np.clip(lab[..., :1], 0.0, 1.0), lab[..., 1:]], -1)
    outside = _outside(lab)
    colours = lab[outside]
    low = np.zeros(len(colours), np.float32)
    high = np.ones_like(low)
    for _ in range(_HALVINGS):
        middle = (low + high) / np.float32(2)
        far = _outside(_less(colours, middle))
        low, high = np.where(far, low, middle), np.where(far, middle, high)
    lab[outside] = _less(colours, low)
    return lab


def _less(lab: Pixels, share: Pixels) -> Pixels:
    return np.concatenate([lab[..., :1], lab[..., 1:] * share[..., None]], -1)


def _outside(lab: Pixels) -> npt.NDArray[np.bool_]:
    linear = oklab_to_linear(lab)
    inside: npt.NDArray[np.bool_] = np.all((linear >= -_SLACK) & (linear <= 1.0 + _SLACK), axis=-1)
    return ~inside


def oklab_to_linear(lab: Pixels) -> Pixels:
    """Converts OKLab to linear sRGB, outside [0, 1] for what no screen can show."""
    cones = lab @ np.linalg.inv(_LAB).T.astype(np.float32)
    linear: Pixels = cones**3 @ np.linalg.inv(_CONES).T.astype(np.float32)
    return linear


def srgb_to_linear(rgb: Pixels) -> Pixels:
    """Removes the gamma of sRGB (IEC 61966-2-1)."""
    curve = np.power((rgb + np.float32(0.055)) / np.float32(1.055), np.float32(2.4))
    return np.where(rgb <= 0.04045, rgb / np.float32(12.92), curve).astype(np.float32)


def linear_to_srgb(linear: Pixels) -> Pixels:
    """Applies the gamma of sRGB; the result is clipped to [0, 1]."""
    curve = np.float32(1.055) * np.power(linear, np.float32(1 / 2.4)) - np.float32(0.055)
    encoded = np.where(linear <= 0.0031308, linear * np.float32(12.92), curve)
    return np.clip(encoded, 0.0, 1.0).astype(np.float32)
