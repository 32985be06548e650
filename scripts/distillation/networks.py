"""Teacher and student: one VGG function, and the student's initial weights from the teacher's."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from nst.features.encoder import BGR_MEAN
from nst.features.weights import Layer

SCALE = 64.0  # centred pixels are divided by it, so that the first layer sees numbers of order one
STRIDES = {1: 4, 2: 2}  # by block: maps are compared at every nth position, which is enough
FLOOR = 0.05  # of a layer's mean deviation, for channels that hardly fire
RIDGE = 1e-3  # of the mean square of a channel

Features = dict[str, tf.Tensor]
Pool = Callable[..., tf.Tensor]


class Filters(NamedTuple):
    """The kernel ``[3, 3, C, D]`` and the bias ``[D]`` of a convolution."""

    kernel: tf.Tensor
    bias: tf.Tensor


class Student(tf.Module):
    """The student network.

    Attributes:
        filters: Kernels and biases by layer; the first expects centred pixels divided by ``SCALE``.
        lifts: ``[D, T]`` by layer: from the student's channels to the teacher's.
    """

    def __init__(self, filters: Mapping[str, Filters], lifts: Mapping[str, np.ndarray]) -> None:
        super().__init__()
        self.kernels = {k: tf.Variable(f.kernel, name=f"{k}/kernel") for k, f in filters.items()}
        self.biases = {k: tf.Variable(f.bias, name=f"{k}/bias") for k, f in filters.items()}
        self.lifts = {k: tf.Variable(v, name=f"{k}/lift") for k, v in lifts.items()}

    @property
    def filters(self) -> dict[str, Filters]:
        """Returns kernel and bias of each layer, in order."""
        return {name: Filters(self.kernels[name], self.biases[name]) for name in self.kernels}

    def features(self, images: tf.Tensor) -> Features:
        """Returns feature maps ``[N, h, w, D]`` of RGB images in [0, 1], by layer, in bfloat16."""
        return vgg(images, self.filters, tf.nn.avg_pool2d)

    def guesses(self, images: tf.Tensor) -> Features:
        """Predicts the teacher's feature maps, subsampled as in :func:`compared`.

        In units of the deviations of the teacher's channels, float32.
        """
        maps = compared(self.features(images))
        lifts = {name: tf.cast(self.lifts[name], tf.bfloat16) for name in maps}
        return {
            name: tf.cast(tf.einsum("nhwd,dt->nhwt", maps[name], lifts[name]), tf.float32)
            for name in maps
        }


def teacher(layers: Sequence[Layer], depth: Sequence[str]) -> dict[str, Filters]:
    """Returns the convolutions of a trained network that are listed in ``depth``."""
    return {
        layer.name: Filters(layer.kernel * (SCALE if layer.name == depth[0] else 1.0), layer.bias)
        for layer in layers
        if layer.name in depth
    }


def vgg(images: tf.Tensor, filters: Mapping[str, Filters], pool: Pool) -> Features:
    """Computes all feature maps in bfloat16, with replicate padding as in runs."""
    x = (tf.reverse(images, [-1]) * 255.0 - tf.constant(BGR_MEAN)) / SCALE
    maps: Features = {}
    for name, (kernel, bias) in filters.items():
        if name.endswith("_conv1") and maps:
            x = pool(x, 2, 2, "SAME")
        x = convolved(x, kernel, bias)
        maps[name] = x
    return maps


def convolved(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
    """Computes a convolution and its ReLU, in bfloat16."""
    x, kernel, bias = (tf.cast(value, tf.bfloat16) for value in (x, kernel, bias))
    padded = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], "SYMMETRIC")
    return tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(padded, kernel, 1, "VALID"), bias))


def compared(maps: Mapping[str, tf.Tensor]) -> Features:
    """Subsamples the maps of the first blocks."""
    strides = {name: STRIDES.get(int(name[5]), 1) for name in maps}
    return {name: maps[name][:, :: strides[name], :: strides[name]] for name in maps}


def deviations(maps: Mapping[str, tf.Tensor]) -> dict[str, np.ndarray]:
    """Returns the standard deviation of each channel ``[C]``, by layer, with a floor."""
    spread = {
        k: tf.math.reduce_std(tf.cast(f, tf.float32), (0, 1, 2)).numpy() for k, f in maps.items()
    }
    return {k: np.maximum(s, FLOOR * np.sqrt(np.mean(s**2))) for k, s in spread.items()}


def pruned(
    images: tf.Tensor, filters: Mapping[str, Filters], widths: Mapping[str, int]
) -> tuple[dict[str, Filters], dict[str, np.ndarray]]:
    """Initialises a student with the most informative filters of the teacher in each layer.

    Layer by layer, keeps the channels that best predict the others (pivoted Cholesky). A kept
    filter gets its input from the student's channels instead of the teacher's, through the linear
    map that best predicts the latter from the former.

    Args:
        images: Calibration images, RGB in [0, 1], ``[N, H, W, 3]``.
        filters: The teacher's filters.
        widths: Number of channels to keep, by layer.

    Returns:
        The student's filters and lifts, for channels with a standard deviation of 1.
    """
    maps = vgg(images, filters, tf.nn.max_pool2d)
    spread = deviations(maps)
    student: dict[str, Filters] = {}
    lifts: dict[str, np.ndarray] = {}
    below, lift = None, np.eye(3, dtype=np.float32)
    x = (tf.reverse(images, [-1]) * 255.0 - tf.constant(BGR_MEAN)) / SCALE
    for name, (kernel, bias) in filters.items():
        if below is not None:
            lift = lifts[below] * spread[below]
            if name.endswith("_conv1"):
                taught = tf.nn.max_pool2d(maps[below], 2, 2, "SAME")
                x = tf.nn.avg_pool2d(x, 2, 2, "SAME")
                lift = regression(_rows(x), _rows(taught))
        kept = pivots(_rows(maps[name]) / spread[name], widths[name])
        own = np.einsum("hwtd,st->hwsd", kernel[..., kept], lift) / spread[name][kept]
        student[name] = Filters(own.astype(np.float32), bias[kept] / spread[name][kept])
        x = convolved(x, *student[name])
        lifts[name] = regression(_rows(x), _rows(maps[name]) / spread[name])
        below = name
    return student, lifts


def pivots(rows: np.ndarray, count: int) -> list[int]:
    """Greedily chooses the channels that explain most of the others."""
    rest = (rows.T @ rows / len(rows)).astype(np.float64)
    chosen: list[int] = []
    for _ in range(count):
        gain = (rest**2).sum(0) / np.maximum(rest.diagonal(), 1e-9)
        gain[chosen] = -1.0
        chosen.append(int(gain.argmax()))
        column = rest[:, chosen[-1]]
        rest = rest - np.outer(column, column) / max(column[chosen[-1]], 1e-9)
    return chosen


def regression(known: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Returns the matrix that predicts ``wanted`` from ``known`` with least squared error."""
    gram = known.T @ known
    gram += RIDGE * np.trace(gram) / len(gram) * np.eye(len(gram), dtype=gram.dtype)
    return np.linalg.solve(gram, known.T @ wanted).astype(np.float32)


def _rows(maps: tf.Tensor) -> np.ndarray:
    """Vectors of channels, of at most some 100,000 positions: ``[n, C]`` float32."""
    rows = tf.cast(tf.reshape(maps, [-1, maps.shape[-1]]), tf.float32).numpy()
    return rows[:: max(1, len(rows) // 100_000)]
