"""Convolution with 3 x 3 filters in a quarter of the multiplications.

Winograd's minimal filtering F(4 x 4, 3 x 3): a tile of 6 x 6 inputs gives 4 x 4 outputs by 36
products instead of 144, ``Y = Aᵀ [(G g Gᵀ) ⊙ (Bᵀ d B)] A`` (Lavin and Gray, "Fast Algorithms for
Convolutional Neural Networks", 2016, section 4.3). Summed over channels, these are matrix products,
one for each of the 36 positions in a tile.

The method is the transpose of polynomial multiplication through values at six points, one of them
infinity. The choice of points determines the rounding error (Barabasz et al., "Error Analysis and
Improving the Accuracy of Winograd Convolution for Deep Neural Networks", 2020).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
import tensorflow as tf

WIDE = 128 * 256  # input times output channels from which it is faster; 128 x 128 breaks even
STEP, TILE = 4, 6  # tiles of 6 x 6 at every 4th position, overlapping by two
# The most accurate small fractions whose transforms are exact in eight bits, and so in bfloat16;
# with Lavin and Gray's 0, ±1, ±2 the error is half as large again.
POINTS = np.array([0, 1, -1, 1 / 2, -2])
OTHERS = [np.delete(POINTS, i) for i in range(len(POINTS))]
SCALES = [np.prod(point - others) for point, others in zip(POINTS, OTHERS, strict=True)]
# One row, or column, per point; the last belongs to infinity.
B_T = np.array([[*np.poly(others)[::-1], 0] for others in OTHERS] + [np.poly(POINTS)[::-1]])
G = np.array([*(np.vander(POINTS, 3, increasing=True).T / SCALES).T, [0, 0, 1]])
A_T = np.array([*np.vander(POINTS, 4, increasing=True), [0, 0, 0, 1]]).T


class Convolution:
    """A convolution with stride 1 and no padding, whose gradient is equally fast.

    At VGG19's widths the relative error is about 1e-6 in float32, twice that of TensorFlow's own
    convolution; in bfloat16 it is 1e-2, five times as large.

    Args:
        kernel: ``[3, 3, C, D]``. It is transformed at first use, forward and backward: few runs
            need all layers, and a transformed kernel is four times as large.
        dtype: ``float32`` or ``bfloat16``; float16 would overflow.
    """

    def __init__(self, kernel: np.ndarray, dtype: tf.DType = tf.float32) -> None:
        self._kernel, self._dtype = kernel, dtype

    def __call__(self, image: tf.Tensor) -> tf.Tensor:
        """Convolves ``[1, H + 2, W + 2, C]`` to ``[1, H, W, D]``, both of the dtype."""

        @tf.custom_gradient
        def convolve(x: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
            def gradient(upstream: tf.Tensor) -> tf.Tensor:
                around = [[0, 0], [2, 2], [2, 2], [0, 0]]
                return _convolve(tf.pad(upstream, around), self._backward)

            return _convolve(x, self._forward), gradient

        return convolve(image)

    @cached_property
    def _forward(self) -> tf.Tensor:
        return _transformed(self._kernel, self._dtype)

    @cached_property
    def _backward(self) -> tf.Tensor:
        # The gradient is a convolution with flipped filters, from outputs to inputs.
        return _transformed(self._kernel[::-1, ::-1].transpose(0, 1, 3, 2), self._dtype)


def pays(kernel: np.ndarray) -> bool:
    """Returns whether this is faster than TensorFlow's own convolution; on GPUs it is not."""
    wide = kernel.shape[2] * kernel.shape[3] >= WIDE
    return wide and not tf.config.list_physical_devices("GPU")


def _transformed(kernel: np.ndarray, dtype: tf.DType) -> tf.Tensor:
    """Returns ``G g Gᵀ`` of every filter, ``[36, C, D]``."""
    filters = _both_axes(G) @ kernel.reshape(9, -1)
    with tf.init_scope():  # a constant value, even while tracing a function
        return tf.constant(filters.reshape(TILE**2, *kernel.shape[2:]), dtype)


def _convolve(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    height, width = tf.shape(x)[1] - 2, tf.shape(x)[2] - 2
    rows, columns = -(-height // STEP), -(-width // STEP)  # of tiles
    tiles = _each(A_T, tf.matmul(_each(B_T, _tiles(x, rows, columns)), kernel))
    tiles = tf.reshape(tiles, [STEP, STEP, rows, columns, kernel.shape[2]])
    y = tf.reshape(
        tf.transpose(tiles, [2, 0, 3, 1, 4]), [1, STEP * rows, STEP * columns, kernel.shape[2]]
    )
    return y[:, :height, :width]


def _tiles(x: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
    """Cuts into tiles, the last padded with the border: ``[36, rows * columns, C]``."""
    _, height, width, channels = tf.unstack(tf.shape(x))
    down, across = (
        tf.minimum(tf.range(TILE)[:, None] + STEP * tf.range(count), size - 1)
        for count, size in ((rows, height), (columns, width))
    )
    positions = down[:, None, :, None] * width + across[:, None, :]
    return tf.gather(tf.reshape(x, [-1, channels]), tf.reshape(positions, [TILE**2, -1]))


def _each(transform: np.ndarray, tiles: tf.Tensor) -> tf.Tensor:
    """Maps each tile ``d`` to ``M d Mᵀ``, ``M`` of m rows: ``[36, n, C]`` to ``[m², n, C]``."""
    both = tf.constant(_both_axes(transform), tiles.dtype)
    products = tf.matmul(both, tf.reshape(tiles, [TILE**2, -1]))
    return tf.reshape(products, [both.shape[0], -1, tiles.shape[2]])


def _both_axes(transform: np.ndarray) -> np.ndarray:
    """Returns the matrix that applies ``M d Mᵀ`` to a flattened tile."""
    return np.kron(transform, transform)
