"""A Laplacian pyramid (Burt and Adelson, 1983): an image as a sum of levels, fine to coarse.

Sizes are read from tensors, so everything compiles for images of any size.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf


def split(image: tf.Tensor, count: int) -> list[tf.Tensor]:
    """Splits an image into the detail lost by each halving of its size, and the coarse rest.

    Args:
        image: ``[1, H, W, C]``.
        count: Number of levels, >= 1; with 1 the image itself is the only one.

    Returns:
        The levels, fine to coarse, level k of ``[1, ⌈H / 2ᵏ⌉, ⌈W / 2ᵏ⌉, C]``.
    """
    details = []
    for _ in range(count - 1):
        half = tf.image.resize(image, _halved(image), antialias=True)
        details.append(image - tf.image.resize(half, _size(image)))
        image = half
    return [*details, image]


def join(levels: Sequence[tf.Tensor]) -> tf.Tensor:
    """Adds up levels, fine to coarse, to the image ``[1, H, W, C]`` they came from."""
    *details, image = levels
    for detail in reversed(details):
        image = detail + tf.image.resize(image, _size(detail))
    return image


def pulled_back(gradient: tf.Tensor, count: int) -> list[tf.Tensor]:
    """Turns the gradient with respect to the image into gradients with respect to its levels.

    :func:`join` is linear, so these are its transpose times ``gradient``, whatever the levels.
    """
    gradients = [gradient]
    for _ in range(count - 1):
        fine = gradients[-1]
        small = tf.zeros(tf.concat([[1], _halved(fine), tf.shape(fine)[3:]], 0))  # for its shape
        transpose = tf.raw_ops.ResizeBilinearGrad(
            grads=fine, original_image=small, half_pixel_centers=True
        )
        gradients.append(transpose)
    return gradients


def _size(image: tf.Tensor) -> tf.Tensor:
    return tf.shape(image)[1:3]


def _halved(image: tf.Tensor) -> tf.Tensor:
    return (_size(image) + 1) // 2
