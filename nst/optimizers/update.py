"""One step of a Keras optimizer on the levels of an image: a pure function, compiled."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import tensorflow as tf

from nst.optimizers.by_name import Options, make
from nst.optimizers.laplacian import join, pulled_back, split


class Iterate(NamedTuple):
    """Everything that an update changes.

    Attributes:
        image: `[1, H, W, 3]`, in [0, 1] from the first step on.
        mean: The running mean of the images, of the same shape.
        mean_weight: Sum of the weights in that mean, a scalar.
        slots: Values of Keras' variables: moments, count, learning rate.
    """

    image: tf.Tensor
    mean: tf.Tensor
    mean_weight: tf.Tensor
    slots: list[tf.Tensor]


class Update:
    """A step of a Keras optimizer as a pure function of the `Iterate`, compiled.

    Keras' variables have a fixed shape and belong to one optimizer. Here they are scratch, filled
    before and read after each step, so that one trace serves all runs of a process.

    Attributes:
        pull: Takes the gradient of an image to the gradients of its levels, compiled.
        apply: Takes an `Iterate`, the gradients of its levels and the decay of the mean to the next
            `Iterate` and whether that is finite, compiled.
        traces: How often TensorFlow traced :meth:`apply`.
    """

    def __init__(
        self, keras_optimizer: Any, shape: Sequence[int], levels: int, growth: float
    ) -> None:
        """Takes a Keras optimizer over, for images of one shape; the rest as in `FirstOrder`."""
        self._levels = [tf.Variable(level) for level in split(tf.zeros(shape), levels)]
        self._keras, self._growth = keras_optimizer, growth
        self._keras.build(self._levels)
        self.traces = 0
        self.pull = tf.function(lambda gradient: pulled_back(gradient, levels), autograph=False)
        self.apply = tf.function(self._apply, autograph=False)

    def _apply(
        self, iterate: Iterate, gradients: Sequence[tf.Tensor], decay: tf.Tensor
    ) -> tuple[Iterate, tf.Tensor]:
        """Moves an iterate; the second value says whether the image is still finite."""
        self.traces += 1  # a Python side effect: happens while tracing only
        for variable, value in zip(self._keras.variables, iterate.slots, strict=True):
            variable.assign(value)
        moved = join(self._moved(split(iterate.image, len(self._levels)), gradients))
        finite = tf.reduce_all(tf.math.is_finite(moved))
        image = tf.clip_by_value(moved, 0.0, 1.0)
        mean_weight = decay * iterate.mean_weight + (1.0 - decay)
        share = (1.0 - decay) / mean_weight  # 1 at the first step: bias correction
        mean = (1.0 - share) * iterate.mean + share * image
        slots = [tf.identity(variable.value) for variable in self._keras.variables]
        return Iterate(image, mean, mean_weight, slots), finite

    def _moved(
        self, levels: Sequence[tf.Tensor], gradients: Sequence[tf.Tensor]
    ) -> list[tf.Tensor]:
        for variable, level in zip(self._levels, levels, strict=True):
            variable.assign(level)
        self._keras.apply(list(gradients), self._levels)
        # Keras has one learning rate for all variables, so growth comes after the fact.
        return [
            level + self._growth**k * (variable - level)
            for k, (variable, level) in enumerate(zip(self._levels, levels, strict=True))
        ]


@lru_cache(maxsize=32)  # two optimizers at a dozen scales; an entry holds a few images of its size
def update(
    keras_class: type, options: Options, shape: tuple[int, ...], levels: int, growth: float
) -> Update:
    """Returns the update of a Keras class, shared by all runs of the process."""
    return Update(make(keras_class, 1.0, dict(options)), shape, levels, growth)
