"""The deep layers of a student, trained on maps of its shallow ones, in TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from nst.features.vgg import Layer

COUNTED = {
    "block3_conv1": 2.0,
    "block3_conv2": 0.5,
    "block3_conv3": 0.5,
    "block4_conv1": 2.0,
    "block4_conv2": 5.0,
    "block4_conv3": 0.5,
    "block5_conv1": 2.0,
    "block5_conv2": 0.5,
    "block5_conv3": 0.2,
}
"""Weights of the layers' maps: runs use some more than others."""
STRIDES = {"block3": 2}  # maps of a block are compared at every nth position, which is enough
AVERAGE = 0.995  # of the averaged weights, per step

Maps = Mapping[str, tf.Tensor]
Spread = Mapping[str, np.ndarray]


class Lesson(NamedTuple):
    """Images as the deep layers see them, and what the teacher makes of them.

    Attributes:
        below: The student's maps below them, pooled, ``[N, h, w, C]`` float16.
        wanted: The teacher's maps of the deep layers, ``[N, h, w, T]`` float16, see
            :func:`compared`.
    """

    below: np.ndarray
    wanted: dict[str, np.ndarray]

    def rows(self, chosen: np.ndarray) -> Lesson:
        """Returns the lesson of some of the images."""
        return Lesson(self.below[chosen], {k: maps[chosen] for k, maps in self.wanted.items()})


class DeepLayers(tf.Module):
    """The layers that learn.

    Args:
        layers: Convolutions, whole blocks.
        spread: Standard deviations of the teacher's channels by layer; lifts predict channels in
            units of them.
    """

    def __init__(self, layers: Sequence[Layer], spread: Spread) -> None:
        super().__init__()
        self.kernels = {layer.name: tf.Variable(layer.kernel) for layer in layers}
        self.biases = {layer.name: tf.Variable(layer.bias) for layer in layers}
        self.lifts = {layer.name: tf.Variable(layer.lift / spread[layer.name]) for layer in layers}

    def __call__(self, x: tf.Tensor) -> dict[str, tf.Tensor]:
        """Computes feature maps by layer."""
        maps = {}
        for name, kernel in self.kernels.items():
            if name.endswith("_conv1") and maps:
                x = tf.nn.avg_pool2d(x, 2, 2, "SAME")
            padded = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], "SYMMETRIC")
            x = tf.nn.relu(tf.nn.conv2d(padded, kernel, 1, "VALID") + self.biases[name])
            maps[name] = x
        return maps


class Training:
    """The state of the training.

    Args:
        layers: They learn.
        average: Becomes the mean of what they were at the latest steps.
        spread: See :class:`DeepLayers`.

    Attributes:
        rate: The learning rate, a variable.
    """

    def __init__(self, layers: DeepLayers, average: DeepLayers, spread: Spread) -> None:
        self.layers, self.average, self.spread = layers, average, spread
        self._optimizer = tf.keras.optimizers.Adam(beta_2=0.99, clipnorm=5.0)
        self._optimizer.build(layers.trainable_variables)
        self.rate = self._optimizer.learning_rate

    @tf.function
    def step(self, batch: Lesson) -> tf.Tensor:
        """Makes a step; returns the distance of feature maps."""
        with tf.GradientTape() as tape:
            maps = self.layers(tf.cast(batch.below, tf.float32))
            wrong = errors(self.layers, self.spread, maps, batch.wanted)
            loss = tf.add_n([COUNTED[k] * tf.reduce_mean(e) for k, e in wrong.items()])
        variables = self.layers.trainable_variables
        gradients = tape.gradient(loss, variables)
        self._optimizer.apply_gradients(zip(gradients, variables, strict=True))
        for mean, latest in zip(self.average.trainable_variables, variables, strict=True):
            mean.assign(AVERAGE * mean + (1 - AVERAGE) * latest)
        return loss


def widened(layers: Sequence[Layer], widths: Mapping[str, int]) -> list[Layer]:
    """Gives layers the channels that they lack; until these have learnt, nothing depends on them.

    Args:
        layers: Convolutions, in order.
        widths: Channels to have, by layer.
    """
    rng = np.random.default_rng(0)
    found: list[Layer] = []
    added = 0  # to the layer before
    for name, kernel, bias, lift, gain in layers:
        kernel = np.pad(kernel, [(0, 0), (0, 0), (0, added), (0, 0)])
        added = widths[name] - len(bias)
        fresh = rng.normal(0, kernel.std(), (*kernel.shape[:3], added)).astype(np.float32)
        kernel, bias = np.concatenate([kernel, fresh], -1), np.pad(bias, (0, added))
        found.append(Layer(name, kernel, bias, np.pad(lift, [(0, added), (0, 0)]), gain))
    return found


def compared(maps: Maps) -> dict[str, tf.Tensor]:
    """Subsamples maps of large blocks."""
    strides = {k: STRIDES.get(k.split("_")[0], 1) for k in maps}
    return {k: f[:, :: strides[k], :: strides[k]] for k, f in maps.items()}


def errors(layers: DeepLayers, spread: Spread, maps: Maps, wanted: Maps) -> dict[str, tf.Tensor]:
    """Returns the squared errors of predictions, in units of the teacher's spread."""
    units = {k: tf.cast(f, tf.float32) / spread[k] for k, f in wanted.items()}
    own = compared(maps)
    return {k: (own[k] @ layers.lifts[k] - f) ** 2 for k, f in units.items()}


def explained(layers: DeepLayers, spread: Spread, test: Lesson) -> dict[str, float]:
    """Returns what share of the variance of its teacher's channels the student predicts."""
    wrong = errors(layers, spread, layers(tf.cast(test.below, tf.float32)), test.wanted)
    units = {k: f.astype(np.float32) / spread[k] for k, f in test.wanted.items()}
    return {
        k: float(1 - tf.reduce_mean(e) / units[k].var((0, 1, 2)).mean()) for k, e in wrong.items()
    }
