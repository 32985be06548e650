"""Samples of positions and of their values, for terms that compare distributions."""

from __future__ import annotations

import tensorflow as tf


def at_ranks(values: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """Returns the values at evenly spaced ranks, interpolated between neighbours.

    Args:
        values: ``[N, K]``.
        count: n, the number of ranks.

    Returns:
        ``[n, K]``, ascending; of n = N, the values sorted.
    """
    ordered = tf.transpose(tf.sort(tf.transpose(values)))
    number = tf.cast(tf.shape(values)[0], tf.float32)
    last = number - 1
    ranks = (tf.range(count, dtype=tf.float32) + 0.5) * number / tf.cast(count, tf.float32) - 0.5
    ranks = tf.clip_by_value(ranks, 0.0, last)
    below = tf.cast(tf.floor(ranks), tf.int32)
    above = tf.minimum(below + 1, tf.cast(last, tf.int32))
    share = tf.cast(ranks - tf.floor(ranks), values.dtype)[:, None]
    return (1 - share) * tf.gather(ordered, below) + share * tf.gather(ordered, above)


def drawn_positions(
    count: tf.Tensor, weights: tf.Tensor | None, number: tf.Tensor, seed: tf.Tensor
) -> tf.Tensor:
    """Draws positions of a feature map, with chances in proportion to their weights.

    The total weight is cut into equal parts, and a position drawn from each: as many as there are
    draw each once, if all weigh the same.

    Args:
        count: Number of positions, ``h w``.
        weights: ``[1, h, w, 1]``, >= 0; None for 1 each.
        number: How many are drawn.
        seed: ``[2]`` int64.

    Returns:
        Indices into the positions, row by row, ``[number, 1]`` int32.
    """
    # Short of 1, which rounding could take to the next part.
    marks = tf.range(number, dtype=tf.float32) + 0.999 * tf.random.stateless_uniform([number], seed)
    if weights is None:
        drawn = tf.cast(marks * tf.cast(count / number, tf.float32), tf.int32)
    else:
        edges = tf.cumsum(tf.cast(tf.reshape(weights, [-1]), tf.float32))
        parts = edges[-1] / tf.cast(number, tf.float32)
        drawn = tf.searchsorted(edges, marks * parts, side="right")
    return tf.minimum(drawn, count - 1)[:, None]


def all_rows(features: tf.Tensor) -> tf.Tensor:
    """Returns all positions of a feature map as rows, ``[h w, C]``."""
    return tf.reshape(features, [-1, features.shape[-1]])
