"""The mathematics of the loss, as pure functions of tensors.

Convention: means instead of the paper's sums, so that values are of order one and independent of
the image size. Every mean is computed from :class:`Sums`, which are additive over the tiles of an
image. `.github/docs/departures.md` lists what this means for the paper's alpha and beta.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf


class Sums(NamedTuple):
    """Sums over positions, additive over the tiles of an image.

    Attributes:
        total: The sums, a tensor or a nest of tensors.
        count: Number of summands, or the sum of their weights, scalar.
    """

    total: Any
    count: tf.Tensor


class RegionSums(NamedTuple):
    """Sums over each region of an image, additive over its tiles.

    Attributes:
        regions: The sums over each region, of positions times their weight in it.
        positions: Number of positions of the whole image, scalar; parts of it may be in no region.
    """

    regions: Sequence[Sums]
    positions: tf.Tensor


def mean(sums: Sums) -> Any:
    """Divides by the count; returns a nest like ``sums.total``, zero where nothing was summed."""
    return tf.nest.map_structure(lambda x: tf.math.divide_no_nan(x, sums.count), sums.total)


def blend(values: Sequence[Any], weights: Sequence[float | tf.Tensor]) -> Any:
    """Returns the weighted mean of nests of tensors.

    Args:
        values: Nests of the same structure.
        weights: A number >= 0 for each, not all 0; only their ratios matter.
    """
    whole = tf.add_n([tf.convert_to_tensor(weight) for weight in weights])
    shares = [weight / whole for weight in weights]

    def mixed(*tensors: tf.Tensor) -> tf.Tensor:
        return tf.add_n([tf.cast(s, x.dtype) * x for s, x in zip(shares, tensors, strict=True)])

    return tf.nest.map_structure(mixed, *values)


def weighted(features: tf.Tensor, weights: tf.Tensor | None) -> tf.Tensor:
    """Multiplies the features of each position by its weight; None stands for weights of 1."""
    return features if weights is None else features * tf.cast(weights, features.dtype)


def positions(features: tf.Tensor, weights: tf.Tensor | None = None) -> tf.Tensor:
    """Returns the number of positions of a feature map ``[1, h, w, C]``, or their total weight."""
    if weights is None:
        return tf.cast(tf.reduce_prod(tf.shape(features)[:-1]), features.dtype)
    return tf.reduce_sum(tf.cast(weights, features.dtype))


def content_sums(features: tf.Tensor, target: tf.Tensor, weights: tf.Tensor | None = None) -> Sums:
    """Sums the squared differences of two feature maps ``[1, h, w, C]`` over all entries.

    Args:
        features: ``F``.
        target: ``P``.
        weights: Weights of the positions, ``[1, h, w, 1]``, >= 0; None for 1 each.
    """
    if weights is None:
        return summed_squares(features - target)
    squares = weighted(tf.math.squared_difference(features, target), weights)
    channels = tf.cast(tf.shape(features)[-1], features.dtype)
    return Sums(tf.reduce_sum(squares), channels * positions(features, weights))


def content_distance(features: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """Returns the mean squared difference of feature maps (Gatys et al. 2015, eq. 1).

    Departure: the mean over all entries; the paper takes half the sum.

    Args:
        features: ``F``, ``[1, h, w, C]``.
        target: ``P``, that of the content image, of the same shape.

    Returns:
        A scalar >= 0.
    """
    return mean(content_sums(features, target))


def gram_sums(features: tf.Tensor, weights: tf.Tensor | None = None) -> Sums:
    """Sums the products of all pairs of channels over positions, ``Σ F Fᵀ``.

    Args:
        features: ``F``, ``[1, h, w, C]`` float32 or float64 (float16 would overflow).
        weights: Weights of the positions, ``[1, h, w, 1]``, >= 0; None for 1 each.

    Returns:
        Sums with the total ``[C, C]``, the input of :func:`gram_matrix`.
    """
    rows = tf.reshape(features, [-1, features.shape[-1]])
    shares = None if weights is None else tf.reshape(weights, [-1, 1])
    return Sums(_products(rows, shares), positions(features, weights))


def _products(rows: tf.Tensor, weights: tf.Tensor | None) -> tf.Tensor:
    """Returns ``Σ w r rᵀ``. Its gradient for upstream ``U`` is ``w (U + Uᵀ) r``: one product."""

    @tf.custom_gradient
    def products(rows: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        shares = weighted(rows, weights)

        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            return tf.matmul(shares, upstream + tf.transpose(upstream))

        return tf.matmul(shares, rows, transpose_a=True), gradient

    return products(rows)


def gram_matrix(sums: Sums) -> tf.Tensor:
    """Returns the Gram matrix ``G = Fᵀ F / (h w)``, ``[C, C]`` (Gatys et al. 2015, eq. 3).

    Departure: divided by the number of positions, so that images of any size can be compared.
    """
    return mean(sums)


def gram_distance(gram: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """Returns the mean squared difference of Gram matrices (Gatys et al. 2015, eq. 4).

    Departure: the paper's value is a quarter of this, for images of equal size.

    Args:
        gram: ``G`` of the iterate, ``[C, C]``.
        target: ``A``, the Gram matrix of the style image, ``[C, C]``.

    Returns:
        A scalar >= 0.
    """
    return tf.reduce_mean(tf.math.squared_difference(gram, target))


def variation_sums(image: tf.Tensor) -> tuple[Sums, Sums]:
    """Sums the squared differences of vertical and of horizontal neighbours.

    Tiles contain all pairs of an image only if they share the pixels along which it is cut.
    """
    down, across = (summed_squares(differences(image, axis)) for axis in (1, 2))
    return down, across


def differences(x: tf.Tensor, axis: int) -> tf.Tensor:
    """Returns the difference of each entry and the one before it along an axis.

    The gradient is written out: TensorFlow's own, of two slices, takes five times as long.
    """
    before = (slice(None),) * axis
    one = tf.minimum(tf.shape(x)[axis], 1)  # a tile may hold nothing of an image

    def padded(x: tf.Tensor, *ends: int | tf.Tensor) -> tf.Tensor:
        return tf.pad(x, [ends if i == axis else (0, 0) for i in range(x.shape.rank)])

    @tf.custom_gradient
    def subtracted(x: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            return padded(upstream, one, 0) - padded(upstream, 0, one)

        return x[(*before, slice(1, None))] - x[(*before, slice(None, -1))], gradient

    return subtracted(x)


def summed_squares(values: tf.Tensor) -> Sums:
    """Sums the squares of all entries."""
    return Sums(tf.reduce_sum(tf.square(values)), tf.cast(tf.size(values), values.dtype))


def total_variation(image: tf.Tensor) -> tf.Tensor:
    """Returns the mean squared difference of neighbouring pixels, vertical plus horizontal.

    Not in Gatys et al. 2015; Mahendran and Vedaldi (2015) use it to invert features.

    Args:
        image: ``[1, H, W, 3]``; a side of one pixel has no neighbours and adds nothing.

    Returns:
        A scalar >= 0.
    """
    vertical, horizontal = variation_sums(image)
    return mean(vertical) + mean(horizontal)


def rounded(x: tf.Tensor, radius: float) -> tf.Tensor:
    """Returns about ``|x|``: smooth within ``radius`` of 0, where it is 0 (Charbonnier 1994)."""
    return tf.sqrt(tf.square(x) + radius**2) - radius
