"""The curvature pairs of L-BFGS and the quasi-Newton direction."""

from __future__ import annotations

import math
from collections.abc import Sequence

import tensorflow as tf

from nst.memory import pairs_kept

FIRST_STEP = 0.02
"""Root mean square of a steepest-descent step, in pixel values."""
SKIP = 1e-8
"""A pair (s, y) with s.y at most this times |s||y| carries no curvature and is skipped."""


def dot(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Returns the inner product of two images ``[1, H, W, 3]``, a float64 scalar.

    Rows are summed in float32 and added in float64. With millions of pixels this is as accurate as
    float64 throughout, at less than half the cost.
    """
    return tf.reduce_sum(tf.cast(tf.reduce_sum(a * b, axis=[-2, -1]), tf.float64))


def two_loop(
    gradient: tf.Tensor,
    steps: Sequence[tf.Tensor],
    changes: Sequence[tf.Tensor],
    weights: tf.Tensor,
    gamma: tf.Tensor,
) -> tf.Tensor:
    """Multiplies a gradient by the inverse Hessian estimate (Nocedal and Wright, algorithm 7.4).

    Args:
        gradient: ``[1, H, W, 3]``.
        steps: ``m`` differences of iterates s, oldest first, each ``[1, H, W, 3]``.
        changes: ``m`` differences of gradients y, likewise.
        weights: ``[m]`` float64, 1 / s.y, or 0 for an empty slot.
        gamma: Scalar float32, the initial inverse Hessian as a multiple of the identity.

    Returns:
        ``[1, H, W, 3]``; its negative is the quasi-Newton direction.
    """
    pairs = list(zip(steps, changes, tf.unstack(weights), strict=True))
    alphas = []
    q = gradient
    for s, y, rho in reversed(pairs):
        alpha = rho * dot(s, q)
        q -= tf.cast(alpha, tf.float32) * y
        alphas.append(alpha)
    r = gamma * q
    for (s, y, rho), alpha in zip(pairs, reversed(alphas), strict=True):
        r += tf.cast(alpha - rho * dot(y, r), tf.float32) * s
    return r


compiled_dot = tf.function(dot, autograph=False, reduce_retracing=True)
# Negated inside the graph, which saves a copy of the image.
_compiled_direction = tf.function(
    lambda *arguments: -two_loop(*arguments), autograph=False, reduce_retracing=True
)


class History:
    """The last curvature pairs and the direction they define.

    The pairs are plain tensors in lists. Empty slots share one tensor of zeros, so the compiled
    recursion sees the same number of slots from the first step on.

    Args:
        most: Maximum number of pairs.
        memory: Of all pairs, bytes: of large images fewer are kept, but at least
            ``FEWEST_PAIRS``.

    Attributes:
        size: Maximum number of pairs of images of the current size.
    """

    def __init__(self, most: int, memory: float = math.inf) -> None:
        self._most, self._memory = most, memory
        self.clear(0)

    def __len__(self) -> int:
        """Returns the number of pairs held."""
        return len(self.steps)

    def clear(self, image_bytes: int | None = None) -> None:
        """Forgets all pairs.

        Args:
            image_bytes: Size of the images from now on; None for the same.
        """
        if image_bytes is not None:
            self.size = pairs_kept(self._most, self._memory, image_bytes)
        self.steps: list[tf.Tensor] = []
        self.changes: list[tf.Tensor] = []
        self.weights: list[float] = []
        self.gamma = 1.0

    def push(self, step: tf.Tensor, change: tf.Tensor) -> None:
        """Adds a pair, dropping the oldest if full; skips a pair without positive curvature."""
        sy = float(compiled_dot(step, change))
        ss = float(compiled_dot(step, step))
        yy = float(compiled_dot(change, change))
        if yy == 0 or not sy > SKIP * (ss * yy) ** 0.5:
            return
        self.steps = [*self.steps, step][-self.size :]
        self.changes = [*self.changes, change][-self.size :]
        self.weights = [*self.weights, 1.0 / sy][-self.size :]
        self.gamma = sy / yy

    def direction(self, gradient: tf.Tensor) -> tf.Tensor:
        """Returns the quasi-Newton direction, or without pairs a steepest-descent step."""
        if not self.steps:
            rms = tf.sqrt(compiled_dot(gradient, gradient) / float(tf.size(gradient)))
            return -tf.cast(tf.math.divide_no_nan(FIRST_STEP, rms), tf.float32) * gradient
        empty = self.size - len(self)
        padding = [tf.zeros_like(gradient)] * empty
        return _compiled_direction(
            gradient,
            padding + self.steps,
            padding + self.changes,
            tf.constant([0.0] * empty + self.weights, tf.float64),
            tf.constant(self.gamma, tf.float32),
        )
