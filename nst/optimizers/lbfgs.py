"""L-BFGS: usually one evaluation per step, and a stated reason when it stops."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from nst.optimizers.base import Evaluation, Objective, State, gradient_rms
from nst.optimizers.bounds import difference, free_direction, free_gradient, moved, slope
from nst.optimizers.history import History
from nst.optimizers.line_search import Trial, weak_wolfe

RESOLUTION = float(np.finfo(np.float32).eps) / 2
"""Relative changes of the total below this vanish in float32."""


class Point(NamedTuple):
    """An iterate and the objective there."""

    image: tf.Tensor
    evaluation: Evaluation


class LBFGS:
    """L-BFGS with a weak Wolfe line search (Nocedal and Wright, algorithm 7.5).

    The objective is divided by the root mean square of its first gradient, so a common factor of
    the loss weights does not matter. An increase is never accepted. A failed search leaves the
    iterate unchanged and drops the history; the next step is steepest descent, and if that fails
    too, the optimizer stops.

    Bounds are kept by two-metric projection, see :mod:`nst.optimizers.bounds`. Clipping every
    iterate of a plain L-BFGS would break its curvature pairs, and clipping only its result would
    undo a good part of the work.

    The defaults are those of ``conf/optimizer/lbfgs.yaml``.

    Args:
        history: Number of curvature pairs kept, >= 1; each takes the memory of two images.
        max_evaluations: Maximum number of trials per line search, >= 1; most searches need one.
        bounded: Whether every iterate stays in [0, 1]; else only :attr:`result` does.
        memory: Of the curvature pairs, GB; images too large for it keep fewer pairs, at least two.

    Raises:
        ValueError: A value is out of range.
    """

    def __init__(
        self,
        history: int = 10,
        max_evaluations: int = 10,
        bounded: bool = True,
        memory: float = 1.25,
    ) -> None:
        if history < 1:
            raise ValueError(f"history must be at least 1, received {history}")
        if max_evaluations < 1:
            raise ValueError(f"max_evaluations must be at least 1, received {max_evaluations}")
        self._history = History(history, 1e9 * memory)
        self._budget = max_evaluations
        self._bounds = (0.0, 1.0) if bounded else (-np.inf, np.inf)
        self.evaluations = 0
        self.stopped: str | None = None

    @property
    def image(self) -> tf.Tensor:
        """The current iterate, ``[1, H, W, 3]``."""
        return self._image

    @property
    def result(self) -> tf.Tensor:
        """The current iterate clipped to [0, 1]."""
        if self._bounds == (0.0, 1.0):  # no second copy of a large picture
            return self._image
        return tf.clip_by_value(self._image, 0.0, 1.0)

    def begin(self, image: tf.Tensor) -> None:
        """Starts from ``image``, ``[1, H, W, 3]``, with an empty history."""
        self._image = tf.clip_by_value(image, *self._bounds)
        self._history.clear(4 * int(tf.size(image)))
        self._unit = 0.0  # root mean square of this scale's first gradient; 0 until it is known
        self._here: Evaluation | None = None  # the evaluation at the iterate, if known
        self._counted = False  # whether it is counted, perhaps before a restore
        self.stopped = None

    def step(self, objective: Objective, progress: float = 0.0) -> Evaluation:
        """Makes one line search; usually costs one evaluation, and one more at the start."""
        here = self._arrive(objective)
        if self.stopped is None:
            self._descend(objective, here)
        return here

    def objective_changed(self) -> None:
        """Drops the evaluation at the iterate; the next step repeats it."""
        self._here, self._counted = None, False

    def finish(self, objective: Objective) -> Evaluation:
        """Evaluates the result, the lowest point found unless clipping raises it.

        Only the iterate is left in it: what follows, the next scale or the end, takes memory too.
        """
        self._history.clear()
        here, self._here = self._here, None
        if here is not None and self.result is self._image:  # known from the last search
            return here
        return objective(self.result)

    def state(self) -> dict[str, npt.ArrayLike]:
        """Returns image, ``k`` curvature pairs ``[1, H, W, 3]``, unit, count and stop reason."""
        history = self._history
        return {
            "image": self._image.numpy(),
            "steps": history.steps,
            "changes": history.changes,
            "weights": np.array(history.weights, np.float64),
            "gamma": np.float64(history.gamma),
            "unit": np.float64(self._unit),
            "evaluations": np.int64(self.evaluations),
            "counted": np.bool_(self._counted),
            "stopped": np.str_(self.stopped or ""),
        }

    def restore(self, state: State) -> None:
        """Resumes from a state.

        The next step repeats the evaluation at the iterate, without counting it again.

        Raises:
            ValueError: The state belongs to another kind of optimizer or to a longer history.
        """
        self.begin(tf.constant(state["image"]))
        if set(state) != set(self.state()) or len(state["steps"]) > self._history.size:
            raise ValueError(
                f"the saved state does not belong to L-BFGS with history {self._history.size}: "
                f"it holds { ({key: np.shape(value) for key, value in state.items()}) }"
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
        """Returns the evaluation at the iterate, usually cached by the last line search."""
        if self._here is None:
            here = objective(self._image)
            self.evaluations += not self._counted
            self._counted = True
            size = gradient_rms(here)  # also where the unit is known: it may have diverged since
            self._unit = self._unit or size or 1.0
            self._here = here
        return self._here

    def _descend(self, objective: Objective, here: Evaluation) -> None:
        found = self._search(objective, here)
        if found is not None:
            self._move(found.point, here.gradient)
        elif self.stopped is None and len(self._history) > 0:
            self._history.clear()
        elif self.stopped is None:
            self.stopped = (
                "line search failed: no decrease along the negative gradient "
                f"in {self._budget} evaluations"
            )

    def _search(self, objective: Objective, here: Evaluation) -> Trial | None:
        direction, steepness = self._direction(here.gradient)
        start = Trial(0.0, float(here.total) / self._unit, steepness)
        if -steepness <= RESOLUTION * abs(start.value):
            self.stopped = "converged: any further decrease is below the resolution of float32"
            return None

        def evaluate(step: float) -> Trial:
            image = moved(self._image, tf.constant(step), direction, self._bounds)
            there = objective(image)
            self.evaluations += 1
            unit = tf.constant(self._unit)
            along = float(slope(there.gradient, direction, image, self._bounds, unit))
            return Trial(step, float(there.total) / self._unit, along, Point(image, there))

        return weak_wolfe(evaluate, start, self._budget)

    def _direction(self, gradient: tf.Tensor) -> tuple[tf.Tensor, float]:
        """Returns a direction and the slope along it, which is negative unless converged."""
        unit = tf.constant(self._unit)
        direction = self._history.direction(
            free_gradient(gradient, self._image, self._bounds, unit)
        )
        direction = free_direction(direction, gradient, self._image, self._bounds)
        steepness = float(slope(gradient, direction, self._image, self._bounds, unit))
        if not steepness < 0 and len(self._history) > 0:
            self._history.clear()
            return self._direction(gradient)
        return direction, steepness

    def _move(self, there: Point, gradient: tf.Tensor) -> None:
        change = difference(there.evaluation.gradient, gradient, tf.constant(self._unit))
        self._history.push(there.image - self._image, change)
        self._image, self._here = there
