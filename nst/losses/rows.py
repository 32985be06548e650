"""Positions of feature maps as rows of a matrix, for the terms that match positions.

Terms that compare every position with every other can afford only some of them: a regular grid.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import tensorflow as tf

from nst.losses.base import Style, View

EPSILON = 1e-6  # added to squared lengths: rows of zeros have the cosine 1 with each other
CHUNK = 2**24  # entries of a matrix of cosines in memory at once: 64 MB
APART = 4.0  # added to the cosine of positions in one region; above the range of cosines, 2


class Grid(NamedTuple):
    """Some positions of a map, in rows and columns.

    Attributes:
        rows: Indices of the rows, ``[y]``, whole numbers as floats.
        columns: Indices of the columns, ``[x]``.
        shape: Height and width of the map, ``[2]``.
    """

    rows: tf.Tensor
    columns: tf.Tensor
    shape: tf.Tensor


def grid(shape: tf.Tensor, wanted: float | tf.Tensor, offset: tf.Tensor | None = None) -> Grid:
    """Lays a regular grid over a map: all positions, or about as many as are wanted if fewer.

    Args:
        shape: Height and width of the map, ``[2]``.
        wanted: Number of positions.
        offset: Where the grid begins, as a share of its spacing, ``[2]`` in [0, 1); None for the
            middle.
    """
    lengths = tf.cast(shape, tf.float32)
    spacing = tf.maximum(1.0, tf.sqrt(tf.reduce_prod(lengths) / tf.cast(wanted, tf.float32)))
    offset = tf.constant([0.5, 0.5]) if offset is None else offset

    def axis(index: int) -> tf.Tensor:
        count = tf.math.ceil(lengths[index] / spacing)
        return tf.minimum(tf.floor((tf.range(count) + offset[index]) * spacing), lengths[index] - 1)

    return Grid(axis(0), axis(1), lengths)


def drawn_offset(seed: tf.Tensor) -> tf.Tensor:
    """Draws where a grid begins, ``[2]`` in [0, 1)."""
    return tf.random.stateless_uniform([2], seed)


def map_shape(features: tf.Tensor) -> tf.Tensor:
    """Returns height and width of a map ``[1, h, w, C]``."""
    return tf.shape(features)[1:3]


def interpolated(features: tf.Tensor, at: Grid) -> tf.Tensor:
    """Samples a map of any size at the centres of the positions of a grid, bilinearly.

    Args:
        features: ``[1, h, w, C]``.
        at: A grid, perhaps on a map of another size of the same image.

    Returns:
        One row per position, ``[y x, C]``.
    """
    lengths = tf.cast(map_shape(features), tf.float32)
    scale = lengths / at.shape
    down = _hats(at.rows, scale[0], lengths[0], features.dtype)
    across = _hats(at.columns, scale[1], lengths[1], features.dtype)
    sampled = tf.einsum("yh,hwc->ywc", down, features[0])
    return tf.reshape(tf.einsum("xw,ywc->yxc", across, sampled), [-1, features.shape[-1]])


def _hats(indices: tf.Tensor, scale: tf.Tensor, length: tf.Tensor, dtype: tf.DType) -> tf.Tensor:
    """Returns the weights of linear interpolation, ``[n, length]``."""
    centres = tf.clip_by_value((indices + 0.5) * scale - 0.5, 0.0, length - 1)
    return tf.cast(tf.nn.relu(1 - tf.abs(centres[:, None] - tf.range(length))), dtype)


def patches(features: tf.Tensor, at: Grid, side: int) -> tf.Tensor:
    """Collects the patches around the positions of a grid on this map.

    Args:
        features: ``[1, h, w, C]``; beyond its border it is mirrored.
        at: A grid on this map.
        side: Side of the patches, odd.

    Returns:
        One row per position, ``[y x, side² C]``.
    """
    margin = side // 2
    padded = tf.pad(features[0], [[margin, margin], [margin, margin], [0, 0]], "SYMMETRIC")
    around = tf.range(side)
    down = (tf.cast(at.rows, tf.int32)[:, None] + around) * tf.shape(padded)[1]
    across = tf.cast(at.columns, tf.int32)[:, None] + around
    indices = down[:, None, :, None] + across[None, :, None, :]  # of y, x, dy and dx
    positions = tf.reshape(padded, [-1, features.shape[-1]])
    # One gathering of rows, whose gradient is fast; gathering along two axes is not.
    return tf.reshape(tf.gather(positions, indices), [-1, side**2 * features.shape[-1]])


def hypercolumns(view: View, layers: Sequence[str], at: Grid) -> tf.Tensor:
    """Collects what all layers respond at the positions of a grid, ``[n, Σ C]``.

    Each layer is divided by the root of its number of channels, so that all count alike.
    """
    return tf.concat(
        [interpolated(view.features[k], at) / view.features[k].shape[-1] ** 0.5 for k in layers],
        -1,
    )


def tags(view: View, layer: str, at: Grid) -> tf.Tensor:
    """Returns the weights of the positions in each region, ``[n, R]``; ones for a whole image."""
    if view.regions is None:
        count = tf.size(at.rows) * tf.size(at.columns)
        return tf.ones([count, 1], view.features[layer].dtype)
    return interpolated(view.regions[layer], at)


def pooled(
    styles: Sequence[Style], sample: Callable[[View, tf.Tensor], Sequence[tf.Tensor]]
) -> list[tf.Tensor]:
    """Joins samples of all styles, ``[n, …]`` each.

    Args:
        styles: The styles.
        sample: Returns some tensors of a style, given its share of the weights.
    """
    weights = [tf.convert_to_tensor(style.weight, tf.float32) for style in styles]
    whole = tf.add_n(weights)
    found = [sample(s.view, weight / whole) for s, weight in zip(styles, weights, strict=True)]
    return [tf.concat(part, 0) for part in zip(*found, strict=True)]


def cosines(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Returns the cosine of each row of ``a``, ``[n, C]``, with each of ``b``: ``[n, m]``."""
    return (tf.matmul(a, b, transpose_b=True) + EPSILON) / (_length(a) * tf.transpose(_length(b)))


def paired_cosines(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Returns the cosine of each row of ``a``, ``[n, C]``, with the same row of ``b``: ``[n]``."""
    products = tf.reduce_sum(a * b, -1) + EPSILON
    return products / (_length(a) * _length(b))[:, 0]


def _length(rows: tf.Tensor) -> tf.Tensor:
    return tf.sqrt(tf.reduce_sum(tf.square(rows), -1, keepdims=True) + EPSILON)


def nearest(
    queries: tf.Tensor, keys: tf.Tensor, regions: tuple[tf.Tensor, tf.Tensor] | None = None
) -> tf.Tensor:
    """Finds the row of ``keys`` with the largest cosine with each row of ``queries``.

    Never holds more than ``CHUNK`` cosines.

    Args:
        queries: ``[n, C]``.
        keys: ``[m, C]``.
        regions: Weights of queries and keys in each region, ``[n, R]`` and ``[m, R]``: a key of
            the same region is preferred to any other.

    Returns:
        Indices, ``[n]`` int32.
    """
    wanted, known = (rows / _length(rows) for rows in (queries, keys))
    if regions is not None:
        wanted = tf.concat([wanted, APART * regions[0]], -1)
        known = tf.concat([known, regions[1]], -1)
    count = tf.shape(wanted)[0]
    chunks = -(-count // tf.maximum(1, CHUNK // tf.shape(known)[0]))
    chunk = -(-count // tf.maximum(1, chunks))  # as equal as they can be: the rest is padding
    padded = tf.pad(wanted, [[0, chunks * chunk - count], [0, 0]])
    found = tf.map_fn(
        lambda part: tf.argmax(tf.matmul(part, known, transpose_b=True), -1, output_type=tf.int32),
        tf.reshape(padded, [chunks, chunk, wanted.shape[-1]]),
        fn_output_signature=tf.int32,
        parallel_iterations=1,
    )
    return tf.reshape(found, [-1])[:count]
