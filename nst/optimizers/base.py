"""The interfaces of objectives and optimizers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from nst.losses import Evaluation as Evaluation

Objective = Callable[[tf.Tensor], Evaluation]
"""Maps an image ``[1, H, W, 3]`` to its :class:`Evaluation`; already compiled."""

State = Mapping[str, np.ndarray]


class Diverged(RuntimeError):
    """The objective or an update is not finite; the optimizer still holds the last finite image."""


class Optimizer(Protocol):
    """An iterate and the rule that updates it.

    Attributes:
        evaluations: Objective evaluations so far, over all scales.
        stopped: Why no further step is possible at this scale, or why the result is not the last
            iterate; else None.
    """

    evaluations: int
    stopped: str | None

    @property
    def image(self) -> tf.Tensor:
        """The current iterate, ``[1, H, W, 3]``."""

    @property
    def result(self) -> tf.Tensor:
        """The image to show and save, ``[1, H, W, 3]`` in [0, 1]."""

    def begin(self, image: tf.Tensor) -> None:
        """Starts a run, or its next scale, from ``image``, ``[1, H, W, 3]``."""

    def step(self, objective: Objective, progress: float = 0.0) -> Evaluation:
        """Moves to the next iterate; returns the evaluation of the iterate before the move.

        Args:
            objective: The function to minimise.
            progress: Fraction of this scale's steps already taken, in [0, 1).

        Raises:
            Diverged: The evaluation or the update is not finite.
        """

    def objective_changed(self) -> None:
        """Discards cached evaluations: from now on the objective is a different function."""

    def finish(self, objective: Objective) -> Evaluation:
        """Ends a scale: chooses the result and returns its evaluation, which is not counted."""

    def state(self) -> dict[str, npt.ArrayLike]:
        """Returns all that the next iterates depend on: arrays, and lists of images of one size."""

    def restore(self, state: State) -> None:
        """Resumes from a :meth:`state`, bit for bit as if never stopped; needs no :meth:`begin`."""


def gradient_rms(evaluation: Evaluation) -> float:
    """Returns the root mean square of the gradient over all pixels and channels.

    Raises:
        Diverged: The total or any part of the gradient is not finite.
    """
    total, size = float(evaluation.total), float(rms(evaluation.gradient))
    if not (math.isfinite(total) and math.isfinite(size)):
        raise Diverged(
            f"the loss is not finite: total {total}, gradient (root mean square) {size}; "
            "try smaller loss weights, a smaller learning rate or runtime.precision=float32"
        )
    return size


# Compiled: one image of scratch memory instead of one per operation.
@partial(tf.function, autograph=False, reduce_retracing=True)
def rms(tensor: tf.Tensor) -> tf.Tensor:
    """Returns the root mean square of all entries ``[1, H, W, 3]``, a float64 scalar."""
    # In units of the largest the squares neither overflow nor underflow, whatever the loss weights.
    largest = tf.reduce_max(tf.abs(tensor))
    squares = tf.square(tf.math.divide_no_nan(tensor, largest))
    rows = tf.cast(tf.reduce_sum(squares, [-2, -1]), tf.float64)
    count = tf.cast(tf.size(tensor, tf.int64), tf.float64)
    return tf.cast(largest, tf.float64) * tf.sqrt(tf.reduce_sum(rows) / count)
