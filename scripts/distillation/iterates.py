"""Style transfers by the student itself, as training images: it must not know only photographs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from distillation.networks import Features, Student
from nst.features.normalisation import normalised, readout
from nst.losses import gram_matrix, gram_sums

STYLE = tuple(f"block{block}_conv1" for block in range(1, 6))
CONTENT = ("block4_conv2",)
RATE, MEMORY = 0.04, 0.9  # of a step in pixel values, and of its momentum
LIFE = 120  # steps until an iterate is replaced by a new pair
WEIGHT = (-1.0, 2.5)  # powers of ten between which the weight of style against content is drawn


class Iterates:
    """A few style transfers at different stages that run along with the training.

    Args:
        student: The network of their loss.
        draw: Returns ``count`` images, RGB in [0, 1], ``[count, side, side, 3]``.
        count: Number of simultaneous style transfers.
        rng: Generator for starts, weights and ages.
    """

    def __init__(
        self,
        student: Student,
        draw: Callable[[int], np.ndarray],
        count: int,
        rng: np.random.Generator,
    ) -> None:
        self._student, self._draw, self._rng = student, draw, rng
        self._ages = [LIFE * i // count for i in range(count)]
        self._content, self._style = draw(count), draw(count)
        self._images, self._momentum = self._content.copy(), np.zeros_like(self._content)
        self._weights = 10 ** rng.uniform(*WEIGHT, count).astype(np.float32)

    def step(self) -> np.ndarray:
        """Updates each iterate by a step and returns them, ``[count, side, side, 3]``."""
        for i, age in enumerate(self._ages):
            if age >= LIFE:
                self._begin(i)
        gradient = self._gradient(self._images, self._content, self._style, self._weights).numpy()
        size = np.sqrt((gradient**2).mean((1, 2, 3), keepdims=True)) + 1e-12
        self._momentum = MEMORY * self._momentum + (1 - MEMORY) * np.clip(gradient / size, -3, 3)
        self._images = np.clip(self._images - RATE * self._momentum, 0, 1).astype(np.float32)
        self._ages = [age + 1 for age in self._ages]
        return self._images

    def _begin(self, i: int) -> None:
        self._content[i], self._style[i] = self._draw(2)
        noise = self._rng.choice([0.0, 0.0, 1.0])
        white = self._rng.random(self._content[i].shape, np.float32)
        self._images[i] = (1 - noise) * self._content[i] + noise * white
        self._momentum[i], self._ages[i] = 0.0, 0
        self._weights[i] = 10 ** self._rng.uniform(*WEIGHT)

    @tf.function(reduce_retracing=True)
    def _gradient(
        self, images: tf.Tensor, content: tf.Tensor, style: tf.Tensor, weights: tf.Tensor
    ) -> tf.Tensor:
        content_maps, style_maps = _split(self._seen(tf.concat([content, style], 0)))
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)
            maps = self._seen(images)
            kept = tf.add_n([_content_distance(maps[k], content_maps[k]) for k in CONTENT])
            taken = tf.add_n([_style_distance(maps[k], style_maps[k]) for k in STYLE])
            total = tf.reduce_sum(kept + weights * taken)
        return tape.gradient(total, images)

    def _seen(self, images: tf.Tensor) -> Features:
        """Returns feature maps in the teacher's metric, in which runs measure distances."""
        maps = self._student.features(images)
        return {
            name: normalised(tf.cast(maps[name], tf.float32), readout(self._student.lifts[name]))
            for name in (*STYLE, *CONTENT)
        }


def _split(maps: Features) -> tuple[Features, Features]:
    halves = {k: tf.split(f, 2) for k, f in maps.items()}
    return {k: a for k, (a, _) in halves.items()}, {k: b for k, (_, b) in halves.items()}


def _content_distance(maps: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """Returns the squared distance relative to the target's square, one number per image."""
    distance = tf.reduce_mean((maps - target) ** 2, (1, 2, 3))
    return distance / (tf.reduce_mean(target**2, (1, 2, 3)) + 1e-12)


def _style_distance(maps: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """Squared distance of Gram matrices over the target's squared norm, a number per picture."""
    gram, wanted = (tf.map_fn(lambda f: gram_matrix(gram_sums(f[None])), f) for f in (maps, target))
    distance = tf.reduce_mean((gram - wanted) ** 2, (1, 2))
    return distance / (tf.reduce_mean(wanted**2, (1, 2)) + 1e-12)
