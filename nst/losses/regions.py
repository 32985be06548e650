"""Divides the positions of a feature map among regions, each at the cost of its own positions."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf


class Places(NamedTuple):
    """Where each of R regions is in a feature map, n places in all.

    Attributes:
        positions: Region by region, indices of flattened positions, ``[n, 1]`` int32.
        weights: How much each belongs to its region, > 0, ``[n, 1]``.
        counts: Number of places in each region, ``[R]`` int32.
    """

    positions: tf.Tensor
    weights: tf.Tensor
    counts: tf.Tensor


def located(regions: tf.Tensor) -> Places:
    """Lists the positions of each region, those along a border in several of them.

    Args:
        regions: Weights >= 0 of the positions in each of R regions, ``[1, h, w, R]``.
    """
    weights = tf.transpose(tf.reshape(regions, [-1, regions.shape[-1]]))
    inside = weights > 0
    places = tf.where(inside)
    return Places(
        tf.cast(places[:, 1:], tf.int32),
        tf.gather_nd(weights, places)[:, None],
        tf.math.count_nonzero(inside, 1, dtype=tf.int32),
    )


def divided(features: tf.Tensor, places: Places) -> list[tuple[tf.Tensor, tf.Tensor]]:
    """Collects the positions of each region.

    Regions share only the positions along their borders, so sums over all of them cost little more
    than sums over the whole map. Multiplying the whole map by each region's weights would cost as
    many times as much as there are regions.

    Args:
        features: ``[1, h, w, C]``.
        places: Of the regions.

    Returns:
        For each region the features of its n positions, ``[1, n, 1, C]``, and their weights,
        ``[1, n, 1, 1]``.
    """
    flat = tf.reshape(features, [-1, features.shape[-1]])
    rows, weights = (
        tf.split(x[None, :, None], places.counts, axis=1, num=places.counts.shape[0])
        for x in (_gathered(flat, places.positions[:, 0]), places.weights)
    )
    return list(zip(rows, weights, strict=True))


def _gathered(rows: tf.Tensor, indices: tf.Tensor) -> tf.Tensor:
    """Gathers rows; the gradient is summed in one pass, in the order of the indices."""

    @tf.custom_gradient
    def gather(rows: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            return tf.math.unsorted_segment_sum(upstream, indices, tf.shape(rows)[0])

        return tf.gather(rows, indices), gradient

    return gather(rows)
