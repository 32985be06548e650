"""L-BFGS on the device: one evaluation a step, and a stated reason when it stops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from nst.optimizers.base import Evaluation, Objective, State, gradient_rms
from nst.optimizers.line_search import Trial, weak_wolfe

FIRST_STEP = 0.02
"""Root mean square of a steepest-descent step, in pixel values."""
SKIP = 1e-8
"""A pair (s, y) with s.y at most this times |s||y| says nothing about curvature."""
RESOLUTION = float(np.finfo(np.float32).eps) / 2
"""Relative changes of the total below this cannot be seen in float32."""


def dot(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Inner product of two images `[1, H, W, 3]` as a float64 scalar.

    Rows are summed in float32 and added in float64: with millions of pixels as good as float64
    throughout, at less than half its cost.
    """
    return tf.reduce_sum(tf.cast(tf.reduce_sum(a * b, axis=[-2, -1]), tf.float64))


def two_loop(
    gradient: tf.Tensor,
    steps: Sequence[tf.Tensor],
    changes: Sequence[tf.Tensor],
    weights: tf.Tensor,
    gamma: tf.Tensor,
) -> tf.Tensor:
    """Inverse Hessian estimate times gradient (Nocedal and Wright, algorithm 7.4).

    Args:
        gradient: `[1, H, W, 3]`.
        steps: `m` differences of iterates s, oldest first, each `[1, H, W, 3]`.
        changes: `m` differences of gradients y, likewise.
        weights: `[m]` float64, 1 / s.y, or 0 for a slot to pass over.
        gamma: Scalar float32, the initial inverse Hessian as a multiple of the identity.

    Returns:
        `[1, H, W, 3]`; its negative is the quasi-Newton direction.
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


_compiled_dot = tf.function(dot, reduce_retracing=True)
_compiled_two_loop = tf.function(two_loop, reduce_retracing=True)


class History:
    """The last curvature pairs, and the direction that they give.

    The pairs are plain tensors in lists; empty slots all share one tensor of zeros, so that the
    compiled recursion sees the same number of slots from the first step on.
    """

    def __init__(self, size: int) -> None:
        """Starts empty, to hold `size` pairs at most."""
        self.size = size
        self.clear()

    def __len__(self) -> int:
        """Number of pairs held."""
        return len(self.steps)

    def clear(self) -> None:
        """Forgets all pairs."""
        self.steps: list[tf.Tensor] = []
        self.changes: list[tf.Tensor] = []
        self.weights: list[float] = []
        self.gamma = 1.0

    def push(self, step: tf.Tensor, change: tf.Tensor) -> None:
        """Adds a pair and drops the oldest; skips a pair without positive curvature."""
        sy = float(_compiled_dot(step, change))
        ss = float(_compiled_dot(step, step))
        yy = float(_compiled_dot(change, change))
        if yy == 0 or not sy > SKIP * (ss * yy) ** 0.5:
            return
        self.steps = [*self.steps, step][-self.size :]
        self.changes = [*self.changes, change][-self.size :]
        self.weights = [*self.weights, 1.0 / sy][-self.size :]
        self.gamma = sy / yy

    def direction(self, gradient: tf.Tensor) -> tf.Tensor:
        """Quasi-Newton direction, or without pairs steepest descent by `FIRST_STEP`."""
        if not self.steps:
            rms = tf.sqrt(_compiled_dot(gradient, gradient) / float(tf.size(gradient)))
            return -tf.cast(tf.math.divide_no_nan(FIRST_STEP, rms), tf.float32) * gradient
        empty = self.size - len(self)
        padding = [tf.zeros_like(gradient)] * empty
        return -_compiled_two_loop(
            gradient,
            padding + self.steps,
            padding + self.changes,
            tf.constant([0.0] * empty + self.weights, tf.float64),
            tf.constant(self.gamma, tf.float32),
        )


class Point(NamedTuple):
    """An iterate and the objective there."""

    image: tf.Tensor
    evaluation: Evaluation


class LBFGS:
    """L-BFGS with a weak Wolfe line search (Nocedal and Wright, algorithm 7.5).

    Works on the objective divided by the root mean square of its first gradient, so the loss
    weights' common factor does not matter. Never accepts an increase, and does not clip between
    steps, which would break the curvature pairs. A search that fails leaves the iterate where it
    is and drops the history; the next step is steepest descent, and if that fails too it stops.
    """

    def __init__(self, history: int = 20, max_evaluations: int = 10) -> None:
        """Checks its arguments.

        Args:
            history: Curvature pairs to keep, at least 1; each costs two images of memory.
            max_evaluations: Trials of one line search, at least 1; most need one.

        Raises:
            ValueError: A value out of range.
        """
        if history < 1:
            raise ValueError(f"history must be at least 1, received {history}")
        if max_evaluations < 1:
            raise ValueError(f"max_evaluations must be at least 1, received {max_evaluations}")
        self._history = History(history)
        self._budget = max_evaluations
        self.evaluations = 0
        self.stopped: str | None = None

    @property
    def image(self) -> tf.Tensor:
        """The current iterate, `[1, H, W, 3]`, not bounded."""
        return self._image

    @property
    def result(self) -> tf.Tensor:
        """The current iterate clipped to [0, 1]."""
        return tf.clip_by_value(self._image, 0.0, 1.0)

    def begin(self, image: tf.Tensor) -> None:
        """Takes `image` `[1, H, W, 3]` over, without any history."""
        self._image = tf.convert_to_tensor(image)
        self._history.clear()
        self._unit = 0.0  # root mean square of this scale's first gradient; 0 while not yet known
        self._here: Evaluation | None = None  # the evaluation at `image`, once it is made
        self._counted = False  # whether that evaluation is in the count, if only before a restore
        self.stopped = None

    def step(self, objective: Objective) -> Evaluation:
        """One line search; costs one evaluation as a rule, and one more at the start."""
        here = self._arrive(objective)
        if self.stopped is None:
            self._descend(objective, here)
        return here

    def state(self) -> dict[str, np.ndarray]:
        """Image, curvature pairs `[k, 1, H, W, 3]`, unit, count and reason."""
        history = self._history
        slots = (-1, *self._image.shape)
        return {
            "image": self._image.numpy(),
            "steps": np.array(history.steps, np.float32).reshape(slots),
            "changes": np.array(history.changes, np.float32).reshape(slots),
            "weights": np.array(history.weights, np.float64),
            "gamma": np.float64(history.gamma),
            "unit": np.float64(self._unit),
            "evaluations": np.int64(self.evaluations),
            "counted": np.bool_(self._counted),
            "stopped": np.str_(self.stopped or ""),
        }

    def restore(self, state: State) -> None:
        """Continues from `state`.

        The evaluation at the iterate is made again at the next step, but not counted again.

        Raises:
            ValueError: The state is that of another kind of optimizer, or of a longer history.
        """
        self.begin(tf.constant(state["image"]))
        if set(state) != set(self.state()) or len(state["steps"]) > self._history.size:
            raise ValueError(
                f"the saved state is not one of L-BFGS with history {self._history.size}: "
                f"it holds { ({key: value.shape for key, value in state.items()}) }"
            )
        self._history.steps = [tf.constant(s) for s in state["steps"]]
        self._history.changes = [tf.constant(y) for y in state["changes"]]
        self._history.weights = state["weights"].tolist()
        self._history.gamma = float(state["gamma"])
        self._unit = float(state["unit"])
        self.evaluations = int(state["evaluations"])
        self._counted = bool(state["counted"])
        self.stopped = str(state["stopped"]) or None

    def _arrive(self, objective: Objective) -> Evaluation:
        """The evaluation at the iterate, which the line search has as a rule made already."""
        if self._here is None:
            here = objective(self._image)
            self.evaluations += not self._counted
            self._counted = True
            self._unit = self._unit or gradient_rms(here) or 1.0
            self._here = here
        return self._here

    def _descend(self, objective: Objective, here: Evaluation) -> None:
        gradient = here.gradient / self._unit
        direction, slope = self._direction(gradient)
        start = Trial(0.0, float(here.total) / self._unit, slope)
        if -slope <= RESOLUTION * abs(start.value):
            self.stopped = "converged: no direction promises a decrease that float32 can show"
            return

        def evaluate(step: float) -> Trial:
            image = self._image + step * direction
            there = objective(image)
            self.evaluations += 1
            slope = float(_compiled_dot(there.gradient / self._unit, direction))
            return Trial(step, float(there.total) / self._unit, slope, Point(image, there))

        found = weak_wolfe(evaluate, start, self._budget)
        if found is not None:
            self._move(found.point, gradient)
        elif len(self._history) > 0:
            self._history.clear()
        else:
            self.stopped = (
                "line search failed: no lower total down the gradient "
                f"in {self._budget} evaluations"
            )

    def _direction(self, gradient: tf.Tensor) -> tuple[tf.Tensor, float]:
        """A direction and the slope along it, which is negative unless the gradient is 0."""
        direction = self._history.direction(gradient)
        slope = float(_compiled_dot(gradient, direction))
        if not slope < 0 and len(self._history) > 0:
            self._history.clear()
            return self._direction(gradient)
        return direction, slope

    def _move(self, there: Point, gradient: tf.Tensor) -> None:
        change = there.evaluation.gradient / self._unit - gradient
        self._history.push(there.image - self._image, change)
        self._image, self._here = there
