"""The mathematics of the loss, as pure functions of tensors.

Conventions: means instead of the paper's sums, so that values are of order one and independent
of the size of the image. Every mean is made of :class:`Sums`, which add up over the parts of an
image. The README lists what this means for the paper's alpha and beta.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf


class Sums(NamedTuple):
    """Sums over positions: those of an image are the sums of those of its parts.

    Attributes:
        total: The sum, a tensor or a nest of tensors.
        count: Number of summands, or the sum of their weights, scalar.
    """

    total: Any
    count: tf.Tensor


def mean(sums: Sums) -> Any:
    """Divides by the count: a nest as ``sums.total``, zero where nothing was summed."""
    return tf.nest.map_structure(lambda x: tf.math.divide_no_nan(x, sums.count), sums.total)


def blend(values: Sequence[Any], weights: Sequence[float | tf.Tensor]) -> Any:
    """Weighted mean of nests of tensors.

    Args:
        values: Nests of one structure.
        weights: One number >= 0 each, not all of them 0; only their ratios matter.
    """
    whole = tf.add_n([tf.convert_to_tensor(weight) for weight in weights])
    shares = [weight / whole for weight in weights]

    def mixed(*tensors: tf.Tensor) -> tf.Tensor:
        return tf.add_n([tf.cast(s, x.dtype) * x for s, x in zip(shares, tensors, strict=True)])

    return tf.nest.map_structure(mixed, *values)


def weighted(features: tf.Tensor, weights: tf.Tensor | None) -> tf.Tensor:
    """Multiplies the features of each position by its weight; None stands for weights of one."""
    return features if weights is None else features * tf.cast(weights, features.dtype)


def positions(features: tf.Tensor, weights: tf.Tensor | None = None) -> tf.Tensor:
    """Counts the positions of a feature map ``[1, h, w, C]``, each by its weight: a scalar."""
    if weights is None:
        return tf.cast(tf.reduce_prod(tf.shape(features)[:-1]), features.dtype)
    return tf.reduce_sum(tf.cast(weights, features.dtype))


def content_sums(features: tf.Tensor, target: tf.Tensor) -> Sums:
    """Sums the squared differences of two feature maps ``[1, h, w, C]`` over all entries."""
    return _squares(features, target)


def content_distance(features: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """Mean squared difference of feature maps (Gatys et al. 2015, eq. 1).

    Departure: the mean over all entries, where the paper takes half the sum.

    Args:
        features: ``F``, ``[1, h, w, C]``.
        target: ``P``, the content image's, of the same shape.

    Returns:
        A scalar >= 0.
    """
    return mean(content_sums(features, target))


def gram_sums(features: tf.Tensor, weights: tf.Tensor | None = None) -> Sums:
    """Sums the products of all pairs of channels over positions, ``Σ F Fᵀ``.

    Args:
        features: ``F``, ``[1, h, w, C]`` float32 or float64 (float16 would overflow).
        weights: Of the positions, ``[1, h, w, 1]``, >= 0; None for one each.

    Returns:
        Sums with the total ``[C, C]``, of which :func:`gram_matrix` is made.
    """
    roots = None if weights is None else tf.sqrt(weights)  # each factor of a product gets one
    rows = tf.reshape(weighted(features, roots), [-1, features.shape[-1]])
    return Sums(_products(rows), positions(features, weights))


@tf.custom_gradient
def _products(rows: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
    """``Rᵀ R``; with ``U`` from above its gradient is ``R (U + Uᵀ)``: one product, not two."""

    def gradient(upstream: tf.Tensor) -> tf.Tensor:
        return tf.matmul(rows, upstream + tf.transpose(upstream))

    return tf.matmul(rows, rows, transpose_a=True), gradient


def gram_matrix(sums: Sums) -> tf.Tensor:
    """The Gram matrix ``G = Fᵀ F / (h w)``, ``[C, C]`` (Gatys et al. 2015, eq. 3).

    Departure: divided by the number of positions, so that images of any size can be compared.
    """
    return mean(sums)


def gram_distance(gram: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """Mean squared difference of Gram matrices (Gatys et al. 2015, eq. 4).

    Departure: the paper's is a quarter of it, for images of equal size.

    Args:
        gram: ``G`` of the iterate, ``[C, C]``.
        target: ``A``, the Gram matrix of the style image, ``[C, C]``.

    Returns:
        A scalar >= 0.
    """
    return tf.reduce_mean(tf.math.squared_difference(gram, target))


def variation_sums(image: tf.Tensor) -> tuple[Sums, Sums]:
    """Sums the squared differences of neighbouring pixels: vertical ones, and horizontal ones.

    Parts of an image have all of its pairs only if they share the line along which it is cut.
    """
    return _squares(image[:, 1:], image[:, :-1]), _squares(image[:, :, 1:], image[:, :, :-1])


def total_variation(image: tf.Tensor) -> tf.Tensor:
    """Mean squared difference of neighbouring pixels, vertical plus horizontal.

    Not in the paper of 2015; Mahendran and Vedaldi (2015) use it for inverting features.

    Args:
        image: ``[1, H, W, 3]``; a side of one pixel has no neighbours and adds nothing.

    Returns:
        A scalar >= 0.
    """
    vertical, horizontal = variation_sums(image)
    return mean(vertical) + mean(horizontal)


def _squares(a: tf.Tensor, b: tf.Tensor) -> Sums:
    squares = tf.math.squared_difference(a, b)
    return Sums(tf.reduce_sum(squares), tf.cast(tf.size(squares), squares.dtype))
