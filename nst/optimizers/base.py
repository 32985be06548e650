"""What an objective gives, and what an optimizer promises."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np
import tensorflow as tf

from nst.losses import Evaluation as Evaluation

Objective = Callable[[tf.Tensor], Evaluation]
"""Image `[1, H, W, 3]` to its `Evaluation`; already compiled."""

State = Mapping[str, np.ndarray]


class Diverged(RuntimeError):
    """The objective or an update is not finite; the optimizer still holds the last good image."""


class Optimizer(Protocol):
    """An iterate and the rule that moves it.

    Attributes:
        evaluations: Objective evaluations so far, over all scales.
        stopped: Why no further step is possible at this scale, or why its result is not that of the
            last step; else None.
    """

    evaluations: int
    stopped: str | None

    @property
    def image(self) -> tf.Tensor:
        """The current iterate, `[1, H, W, 3]`."""

    @property
    def result(self) -> tf.Tensor:
        """What to show and to save, `[1, H, W, 3]` in [0, 1]."""

    def begin(self, image: tf.Tensor) -> None:
        """Starts a run, or the next scale of one, from `image` `[1, H, W, 3]`."""

    def step(self, objective: Objective, progress: float = 0.0) -> Evaluation:
        """Moves to the next iterate and returns the evaluation of the one before the move.

        Args:
            objective: The function to minimise.
            progress: Share of this scale's steps that are made, 0 to below 1.

        Raises:
            Diverged: The evaluation or the update is not finite.
        """

    def objective_changed(self) -> None:
        """Takes notice that evaluations made so far are those of another function."""

    def finish(self, objective: Objective) -> Evaluation:
        """Ends a scale: settles the result, and returns its evaluation, which is not counted."""

    def state(self) -> dict[str, np.ndarray]:
        """Everything that the next iterates depend on; survives `np.savez`."""

    def restore(self, state: State) -> None:
        """Continues from a `state`, bit for bit as if never stopped; needs no `begin`."""


def gradient_rms(evaluation: Evaluation) -> float:
    """Root mean square of the gradient over all pixels and channels.

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


def rms(tensor: tf.Tensor) -> tf.Tensor:
    """Root mean square of all entries, a float64 scalar."""
    # In float64 the squares neither overflow nor underflow, however large the loss weights.
    return tf.sqrt(tf.reduce_mean(tf.square(tf.cast(tensor, tf.float64))))
