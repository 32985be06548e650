"""Moves an image's colours to another's, and lightness without chroma. Free of TensorFlow.

Linear maps of colours as in Gatys et al., "Controlling Perceptual Factors in Neural Style Transfer"
(2017), section 5. By default in OKLab, see :mod:`nst.images.oklab`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from nst.images.oklab import in_range, linear_to_srgb, oklab_to_linear, srgb_to_linear, to_oklab
from nst.images.picture import FAINTEST_CHROMA, Pixels

Matrix = npt.NDArray[np.float64]

Opacity = tuple[Pixels | None, Pixels | None]

METHODS = ("transport", "cholesky", "pca")
SPACES = ("oklab", "srgb", "linear")

FAINTEST = FAINTEST_CHROMA / 2  # a standard deviation below it is rounding or a JPEG's noise


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
    in which the source does not vary cannot be made to vary: it is mapped to zero. Nor does the
    result vary where the target does not: what is matched to grey is grey.

    Args:
        source: Covariance ``S``, ``[d, d]``.
        target: The other covariance.
        method: One of :data:`METHODS`.
    """
    root = _root(source)
    inverse = _inverse(root)
    if method == "cholesky":
        matrix = _cholesky(target) @ _inverse(_cholesky(source))
    elif method == "pca":
        matrix = _root(target) @ inverse
    else:
        matrix = inverse @ _root(root @ target @ root) @ inverse
    return _varying(target) @ matrix


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
    lab[..., 0] = np.cbrt(srgb_to_linear(grey[..., 0]))
    return _out_of(lab, "oklab")


def _moved(values: Pixels, target: Pixels, opacity: Opacity, method: str) -> Pixels:
    mean, covariance = moments(values, opacity[0])
    wanted, goal = moments(target, opacity[1])
    matrix = linear_map(covariance, goal, method)
    offset = wanted - matrix @ mean
    moved: Pixels = values @ matrix.T.astype(np.float32) + offset.astype(np.float32)
    return moved


def _grey(lightness: Pixels) -> Pixels:
    return np.repeat(linear_to_srgb(np.clip(lightness, 0.0, 1.0) ** 3), 3, axis=-1)


def _into(rgb: Pixels, space: str) -> Pixels:
    if space == "srgb":
        return rgb
    return to_oklab(rgb) if space == "oklab" else srgb_to_linear(rgb)


def _out_of(values: Pixels, space: str) -> Pixels:
    if space == "oklab":
        values = oklab_to_linear(in_range(values))
    values = np.clip(values, 0.0, 1.0).astype(np.float32)
    return values if space == "srgb" else linear_to_srgb(values)


def _root(covariance: Matrix) -> Matrix:
    """Returns the symmetric root; rounding below zero counts as zero."""
    values, vectors = np.linalg.eigh(covariance)
    root: Matrix = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    return root


def _varying(covariance: Matrix) -> Matrix:
    """Returns the projector on the directions with a standard deviation; often the identity."""
    values, vectors = np.linalg.eigh(covariance)
    known = values > FAINTEST**2
    if known.all():
        return np.eye(len(values))
    projector: Matrix = vectors[:, known] @ vectors[:, known].T
    return projector


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
