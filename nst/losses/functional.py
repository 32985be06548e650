"""The mathematics of the loss, as pure functions of tensors.

Conventions: means instead of the paper's sums, so that values are of order one and independent
of the size of the image. The README lists what this means for the paper's alpha and beta.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf


class GramSums(NamedTuple):
    """Statistics of a feature map that add up over positions.

    Sums over parts of an image (or several images) are the sums of the parts' statistics.

    Attributes:
        products: Sum over positions of ``F Fᵀ``, ``[C, C]``.
        count: Number of positions, scalar.
    """

    products: tf.Tensor
    count: tf.Tensor


def content_distance(features: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """Mean squared difference of feature maps (Gatys et al. 2015, eq. 1).

    Departure: the mean over all entries, where the paper takes half the sum.

    Args:
        features: ``F``, ``[1, h, w, C]``.
        target: ``P``, the content image's, of the same shape.

    Returns:
        A scalar >= 0.
    """
    return tf.reduce_mean(tf.math.squared_difference(features, target))


def gram_sums(features: tf.Tensor) -> GramSums:
    """Sums the products of all pairs of channels over positions.

    Args:
        features: ``F``, ``[1, h, w, C]`` float32 or float64 (float16 would overflow).

    Returns:
        The additive statistics of which :func:`gram_matrix` is made.
    """
    rows = tf.reshape(features, [-1, features.shape[-1]])
    return GramSums(_products(rows), tf.cast(tf.shape(rows)[0], rows.dtype))


@tf.custom_gradient
def _products(rows: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
    """``Rᵀ R``; with ``U`` from above its gradient is ``R (U + Uᵀ)``: one product, not two."""

    def gradient(upstream: tf.Tensor) -> tf.Tensor:
        return tf.matmul(rows, upstream + tf.transpose(upstream))

    return tf.matmul(rows, rows, transpose_a=True), gradient


def gram_matrix(sums: GramSums) -> tf.Tensor:
    """The Gram matrix ``G = Fᵀ F / (h w)``, ``[C, C]`` (Gatys et al. 2015, eq. 3).

    Departure: divided by the number of positions, so that images of any size can be compared.
    """
    return sums.products / sums.count


def gram_distance(sums: GramSums, target: tf.Tensor) -> tf.Tensor:
    """Mean squared difference of Gram matrices (Gatys et al. 2015, eq. 4).

    Departure: the paper's is a quarter of it, for images of equal size.

    Args:
        sums: Statistics of the iterate.
        target: ``A``, the Gram matrix of the style image, ``[C, C]``.

    Returns:
        A scalar >= 0.
    """
    return tf.reduce_mean(tf.math.squared_difference(gram_matrix(sums), target))


def total_variation(image: tf.Tensor) -> tf.Tensor:
    """Mean squared difference of neighbouring pixels, vertical plus horizontal.

    Not in the paper of 2015; Mahendran and Vedaldi (2015) use it for inverting features.

    Args:
        image: ``[1, H, W, 3]``; a side of one pixel has no neighbours and adds nothing.

    Returns:
        A scalar >= 0.
    """
    vertical = tf.math.squared_difference(image[:, 1:], image[:, :-1])
    horizontal = tf.math.squared_difference(image[:, :, 1:], image[:, :, :-1])
    return _mean_or_zero(vertical) + _mean_or_zero(horizontal)


def _mean_or_zero(x: tf.Tensor) -> tf.Tensor:
    return tf.math.divide_no_nan(tf.reduce_sum(x), tf.cast(tf.size(x), x.dtype))
