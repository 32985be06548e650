"""Divides the positions of a feature map among regions, each at the cost of its own positions."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf


def divided(features: tf.Tensor, regions: tf.Tensor) -> list[tuple[tf.Tensor, tf.Tensor]]:
    """Collects the positions of each region.

    Regions share only the positions along their borders, so sums over all of them cost little more
    than sums over the whole map. Multiplying the whole map by each region's weights would cost as
    many times as much as there are regions.

    Args:
        features: ``[1, h, w, C]``.
        regions: Weights >= 0 of the positions in each of R regions, ``[1, h, w, R]``; constants.

    Returns:
        For each region the features of its n positions, ``[1, n, 1, C]``, and their weights,
        ``[1, n, 1, 1]``.
    """
    count = regions.shape[-1]
    weights = tf.transpose(tf.reshape(regions, [-1, count]))
    inside = weights > 0
    places = tf.where(inside)
    sizes = tf.math.count_nonzero(inside, 1, dtype=tf.int32)
    rows = _gathered(
        tf.reshape(features, [-1, features.shape[-1]]), tf.cast(places[:, 1], tf.int32)
    )
    shares = tf.gather_nd(weights, places)
    return [
        (row[None, :, None], share[None, :, None, None])
        for row, share in zip(
            tf.split(rows, sizes, num=count), tf.split(shares, sizes, num=count), strict=True
        )
    ]


def _gathered(rows: tf.Tensor, indices: tf.Tensor) -> tf.Tensor:
    """Gathers rows; the gradient is summed in one pass, in the order of the indices."""

    @tf.custom_gradient
    def gather(rows: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            return tf.math.unsorted_segment_sum(upstream, indices, tf.shape(rows)[0])

        return tf.gather(rows, indices), gradient

    return gather(rows)
