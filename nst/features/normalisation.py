"""Normalisation of feature maps: losses are of order one, and alpha and beta are portable."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

FLOOR = 0.3  # of a layer's mean activation; keeps filters that hardly fire from being blown up


def normalised(features: tf.Tensor, norm: tf.Tensor) -> tf.Tensor:
    """Normalises a feature map.

    Args:
        features: ``[1, h, w, C]``.
        norm: Divisors, scalar or ``[C]``, or a matrix ``[C, C]``, see
            :meth:`nst.features.encoder.Encoder.norms`.
    """
    if norm.shape.rank == 2:
        return tf.einsum("nhwc,cd->nhwd", features, norm)
    return features / norm


def mean_activations(maps: Sequence[tf.Tensor], weights: Sequence[float | tf.Tensor]) -> tf.Tensor:
    """Returns the weighted mean activation ``[C]`` of feature maps ``[1, h, w, C]``."""
    means = [w * tf.reduce_mean(f, (0, 1, 2)) for f, w in zip(maps, weights, strict=True)]
    return tf.add_n(means) / sum(weights)


def floored(mean: tf.Tensor) -> tf.Tensor:
    """Raises mean activations to at least ``FLOOR`` of the layer's own mean."""
    # A layer that is dead altogether stays zero: the tiny constant forbids 0 / 0.
    return tf.maximum(mean, FLOOR * tf.reduce_mean(mean) + 1e-12)


def readout(lift: tf.Tensor) -> tf.Tensor:
    """Computes the matrix by which a student's feature maps are compared.

    ``F P`` predicts the teacher's feature maps, and ``S = (P Pᵀ C / T)^½`` has its metric with
    fewer channels: inner products of ``F S`` and ``F P`` agree up to a factor. But a student is
    wrong about much that this metric hardly weighs, and there an optimizer goes astray. ``I``
    weighs all of its channels alike. The readout is half-way between: the root of ``S``, as large
    as ``S``. Judged by the teacher, style comes out closer, at about the same distance from the
    content.

    Args:
        lift: ``P``, ``[C, T]``.

    Returns:
        Symmetric, ``[C, C]`` float32.
    """
    channels, teachers = lift.shape
    lift = tf.cast(lift, tf.float64)
    squares, vectors = tf.linalg.eigh(lift @ tf.transpose(lift) * (channels / teachers))
    squares = tf.maximum(squares, 0.0)
    roots = squares**0.25
    # A lift of zeros stays zero: the tiny constant forbids 0 / 0.
    roots *= tf.sqrt(tf.reduce_sum(squares) / (tf.reduce_sum(roots**2) + 1e-30))
    return tf.cast(vectors * roots @ tf.transpose(vectors), tf.float32)
