"""Moves an image's colours to another's, and lightness without chroma. Free of TensorFlow.

Linear maps of colours as in Gatys et al., "Controlling Perceptual Factors in Neural Style Transfer"
(2017), section 5. By default in OKLab (Ottosson, "A perceptual color space for image processing",
2020): distances in it are about those that people see, and lightness is one of its axes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nst.images.picture import FAINTEST_CHROMA, Pixels

Matrix = npt.NDArray[np.float64]

Opacity = tuple[Pixels | None, Pixels | None]

METHODS = ("transport", "cholesky", "pca")
SPACES = ("oklab", "srgb", "linear")

FAINTEST = FAINTEST_CHROMA / 2  # a standard deviation below it is rounding or a JPEG's noise
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


def moments(colours: npt.NDArray[Any], weights: Pixels | None = None) -> tuple[Matrix, Matrix]:
    """Returns the mean ``[d]`` and the covariance ``[d, d]`` of colours.

    Args:
        colours: ``[..., d]``.
        weights: ``[...]``, of each pixel, such as its opacity; None counts all alike.
    """
    flat = colours.reshape(-1, colours.shape[-1]).astype(np.float64)
    share = np.ones(len(flat)) if weights is None else weights.reshape(-1).astype(np.float64)
    share /= share.sum()
    mean = share @ flat
    flat -= mean
    return mean, (flat * share[:, None]).T @ flat


def linear_map(source: Matrix, target: Matrix, method: str) -> Matrix:
    """Returns a matrix ``T`` that turns one covariance into another: ``T S Tᵀ = target``.

    ``transport`` is the optimal transport map between Gaussians, which moves colours least;
    ``cholesky`` and ``pca`` use the Cholesky factors and the symmetric roots of both. A direction
    in which the source does not vary cannot be made to vary: it is mapped to zero.

    Args:
        source: Covariance ``S``, ``[d, d]``.
        target: The other covariance.
        method: One of :data:`METHODS`.
    """
    if method == "cholesky":
        return _cholesky(target) @ _inverse(_cholesky(source))
    root = _root(source)
    inverse = _inverse(root)
    if method == "pca":
        return _root(target) @ inverse
    return inverse @ _root(root @ target @ root) @ inverse


def match(
    rgb: Pixels,
    target: Pixels,
    opacity: Opacity = (None, None),
    method: str = "transport",
    space: str = "oklab",
) -> Pixels:
    """Moves an image's colours linearly, so that it gets the mean and covariance of another's.

    Args:
        rgb: sRGB ``[H, W, 3]`` in [0, 1].
        target: The other image, ``[h, w, 3]``.
        opacity: Of both, ``[H, W]`` and ``[h, w]``: what is transparent does not count.
        method: One of :data:`METHODS`.
        space: One of :data:`SPACES`: where means and covariances are taken.

    Returns:
        sRGB in [0, 1]; what no screen can show is brought into range, in OKLab by less chroma.
    """
    return _out_of(_moved(_into(rgb, space), _into(target, space), opacity, method), space)


def match_lightness(rgb: Pixels, target: Pixels, opacity: Opacity = (None, None)) -> Pixels:
    """Returns a grey image with the mean and deviation of another's lightness in OKLab.

    Args:
        rgb: sRGB ``[H, W, 3]`` in [0, 1].
        target: The other image, ``[h, w, 3]``.
        opacity: Of both, as for :func:`match`.
    """
    lightness, wanted = (to_oklab(image)[..., :1] for image in (rgb, target))
    return _grey(_moved(lightness, wanted, opacity, "transport"))


def greyed(rgb: Pixels) -> Pixels:
    """Takes the chroma away: a grey image ``[H, W, 3]`` of the same lightness in OKLab."""
    return _grey(to_oklab(rgb)[..., :1])


def with_chroma(grey: Pixels, coloured: Pixels) -> Pixels:
    """Gives a grey image the chroma of another image of the same size, and keeps its lightness.

    Args:
        grey: sRGB ``[H, W, 3]``, equal channels.
        coloured: sRGB ``[H, W, 3]``.

    Returns:
        sRGB in [0, 1]; where a lightness cannot have so much chroma, as much as it can.
    """
    lab = to_oklab(coloured)
    lab[..., 0] = np.cbrt(_decoded(grey[..., 0]))
    return _out_of(lab, "oklab")


def to_oklab(rgb: Pixels) -> Pixels:
    """Converts sRGB ``[..., 3]`` in [0, 1] to OKLab: lightness in [0, 1] and two of chroma."""
    cones = np.cbrt(_decoded(rgb) @ _CONES.T.astype(np.float32))
    lab: Pixels = cones @ _LAB.T.astype(np.float32)
    return lab


def _moved(values: Pixels, target: Pixels, opacity: Opacity, method: str) -> Pixels:
    mean, covariance = moments(values, opacity[0])
    wanted, goal = moments(target, opacity[1])
    matrix = linear_map(covariance, goal, method)
    offset = wanted - matrix @ mean
    moved: Pixels = values @ matrix.T.astype(np.float32) + offset.astype(np.float32)
    return moved


def _grey(lightness: Pixels) -> Pixels:
    return np.repeat(_encoded(np.clip(lightness, 0.0, 1.0) ** 3), 3, axis=-1)


def _into(rgb: Pixels, space: str) -> Pixels:
    if space == "srgb":
        return rgb
    return to_oklab(rgb) if space == "oklab" else _decoded(rgb)


def _out_of(values: Pixels, space: str) -> Pixels:
    if space == "oklab":
        values = _linear(_in_range(values))
    values = np.clip(values, 0.0, 1.0).astype(np.float32)
    return values if space == "srgb" else _encoded(values)


def _in_range(lab: Pixels) -> Pixels:
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
    linear = _linear(lab)
    inside: npt.NDArray[np.bool_] = np.all((linear >= -_SLACK) & (linear <= 1.0 + _SLACK), axis=-1)
    return ~inside


def _linear(lab: Pixels) -> Pixels:
    cones = lab @ np.linalg.inv(_LAB).T.astype(np.float32)
    linear: Pixels = cones**3 @ np.linalg.inv(_CONES).T.astype(np.float32)
    return linear


def _decoded(rgb: Pixels) -> Pixels:
    """Removes the gamma of sRGB (IEC 61966-2-1)."""
    curve = np.power((rgb + np.float32(0.055)) / np.float32(1.055), np.float32(2.4))
    return np.where(rgb <= 0.04045, rgb / np.float32(12.92), curve).astype(np.float32)


def _encoded(linear: Pixels) -> Pixels:
    curve = np.float32(1.055) * np.power(linear, np.float32(1 / 2.4)) - np.float32(0.055)
    encoded = np.where(linear <= 0.0031308, linear * np.float32(12.92), curve)
    return np.clip(encoded, 0.0, 1.0).astype(np.float32)


def _root(covariance: Matrix) -> Matrix:
    """Returns the symmetric root; rounding below zero counts as zero."""
    values, vectors = np.linalg.eigh(covariance)
    root: Matrix = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    return root


def _cholesky(covariance: Matrix) -> Matrix:
    """Returns the lower triangular root, also of a covariance without full rank."""
    _, upper = np.linalg.qr(_root(covariance))
    lower: Matrix = (upper * np.where(np.diag(upper) < 0.0, -1.0, 1.0)[:, None]).T
    return lower


def _inverse(root: Matrix) -> Matrix:
    """Returns the inverse in the directions with a standard deviation, zero in the others."""
    left, deviations, right = np.linalg.svd(root)
    known = deviations > FAINTEST
    inverses = np.where(known, 1.0 / np.where(known, deviations, 1.0), 0.0)
    inverse: Matrix = (right.T * inverses) @ left.T
    return inverse
