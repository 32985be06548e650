"""A Laplacian pyramid (Burt and Adelson, 1983): an image as a sum of details, from fine to coarse."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf


def split(image: tf.Tensor, count: int) -> list[tf.Tensor]:
    """Splits an image into what each halving of its size loses, and what is left in the end.

    Args:
        image: ``[1, H, W, C]``.
        count: Of levels, at least 1; with 1 the image itself is the only one.

    Returns:
        The levels, fine to coarse, level k of ``[1, ⌈H / 2ᵏ⌉, ⌈W / 2ᵏ⌉, C]``; :func:`join` undoes it.
    """
    details = []
    for _ in range(count - 1):
        height, width = image.shape[1:3]
        half = tf.image.resize(image, (-(-height // 2), -(-width // 2)), antialias=True)
        details.append(image - _enlarged(half, image.shape))
        image = half
    return [*details, image]


def join(levels: Sequence[tf.Tensor]) -> tf.Tensor:
    """Adds up levels, fine to coarse, to the image that they describe, ``[1, H, W, C]``."""
    *details, image = levels
    for detail in reversed(details):
        image = detail + _enlarged(image, detail.shape)
    return image


def pulled_back(gradient: tf.Tensor, count: int) -> list[tf.Tensor]:
    """Gradient with respect to each level where `gradient` is that with respect to the image.

    :func:`join` is linear: whatever the levels are, it is its transpose times `gradient`.
    """
    levels = split(tf.zeros_like(gradient), count)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(levels)
        image = join(levels)
    gradients: list[tf.Tensor] = tape.gradient(image, levels, output_gradients=gradient)
    return gradients


def _enlarged(image: tf.Tensor, shape: tf.TensorShape) -> tf.Tensor:
    return tf.image.resize(image, shape[1:3])
