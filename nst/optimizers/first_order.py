"""First-order optimizers on the levels of a Laplacian pyramid, with pixels kept in [0, 1]."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from nst.errors import InputError
from nst.optimizers.base import Diverged, Evaluation, Objective, State, gradient_rms
from nst.optimizers.iterate import Iterate, Pace, advancing, first, resampled
from nst.optimizers.keras import Keras
from nst.optimizers.rules import SGD, Adam, Rule, required

log = logging.getLogger(__name__)


class FirstOrder:
    """Adam, SGD or any Keras optimizer, clipped to [0, 1], with a running mean of the iterates.

    It optimises the levels of a Laplacian pyramid instead of pixels (as in Kolkin et al., "Style
    Transfer by Relaxed Optimal Transport and Self-Similarity", 2019): a step at a coarse level
    changes a whole area, where sign-like steps of single pixels leave ripples. With one level it
    optimises the pixels themselves.

    The gradient of each level is divided by its root mean square at the first evaluation. So
    ``learning_rate`` is a step in pixel values and Adam's epsilon a fraction of that gradient,
    whatever the loss weights. A new scale keeps this unit per pixel: a loss that is a mean over
    positions spreads its gradient over the pixels, so the unit shrinks as their number grows.

    The rule's moments carry over to a new scale, resampled with the image. The running mean,
    which is :attr:`result`, starts afresh. It is bias-corrected, as in Crowson's
    style-transfer-pytorch.

    Args:
        name: A class of ``keras.optimizers``; case does not matter.
        learning_rate: Step size of the finest level in pixel values, > 0.
        average: Decay of the running mean of the iterates, in [0, 1); 0 turns it off.
        levels: Number of levels of the Laplacian pyramid, >= 1; 1 means the pixels.
        growth: Factor of the step size from each level to the next coarser one, > 0.
        options: Further arguments of the Keras class, such as ``beta_1``.
        final_rate: Fraction of ``learning_rate`` left at the end of each scale, in [0, 1]; the
            rate follows a cosine (Loshchilov and Hutter, "SGDR", 2017).

    Raises:
        InputError: An unknown name or option, or an invalid value of one.
        ValueError: A number is out of range.
    """

    def __init__(
        self,
        name: str = "Adam",
        learning_rate: float = 0.02,
        average: float = 0.0,
        levels: int = 1,
        growth: float = 1.0,
        options: Mapping[str, Any] | None = None,
        final_rate: float = 1.0,
    ) -> None:
        if learning_rate <= 0:
            raise ValueError(f"learning_rate must be above 0, received {learning_rate}")
        if not 0 <= average < 1:
            raise ValueError(f"average must be at least 0 and below 1, received {average}")
        if levels < 1:
            raise ValueError(f"levels must be at least 1, received {levels}")
        if growth <= 0:
            raise ValueError(f"growth must be above 0, received {growth}")
        if not 0 <= final_rate <= 1:
            raise ValueError(f"final_rate must be from 0 to 1, received {final_rate}")
        self._name, self._levels, self._final_rate = name, levels, final_rate
        self._rule = by_name(name, options or {})
        self._pace = Pace(float(learning_rate), float(growth), float(average))
        self._iterate: Iterate | None = None
        self.evaluations = 0
        self.stopped: str | None = None

    @property
    def image(self) -> tf.Tensor:
        """The current iterate, ``[1, H, W, 3]``, in [0, 1] from the first step on."""
        return self._held.image

    @property
    def result(self) -> tf.Tensor:
        """The running mean of this scale's iterates, in [0, 1].

        The best iterate instead, as long as the last one measured is not better than the start,
        so that an interrupted run also ends no worse than it began.
        """
        return tf.clip_by_value(self._held.mean if self._improved else self._best, 0.0, 1.0)

    def begin(self, image: tf.Tensor) -> None:
        """Starts from an image ``[1, H, W, 3]``; moments of an earlier scale are resized to it."""
        previous = self._iterate
        iterate = first(self._rule, tf.convert_to_tensor(image), self._levels)
        if previous is not None:
            shrunk = int(tf.size(previous.image)) / int(tf.size(image))
            moments = tf.nest.map_structure(resampled, previous.moments, iterate.moments)
            iterate = iterate._replace(units=previous.units * shrunk, moments=moments)
        self._iterate, self._advance = iterate, advancing(self._rule, self._levels)
        self._start_total = self._best_total = math.inf  # not yet known
        self._best, self._improved = iterate.image, False
        self.stopped = None

    def step(self, objective: Objective, progress: float = 0.0) -> Evaluation:
        """Makes one update; costs one evaluation."""
        evaluation = objective(self.image)
        self.evaluations += 1
        gradient_rms(evaluation)  # raises Diverged where it is not finite
        left = (1 + math.cos(math.pi * progress)) / 2
        share = self._final_rate + (1 - self._final_rate) * left
        pace = self._pace._replace(rate=self._pace.rate * share)
        iterate, finite = self._advance(self._held, evaluation.gradient, pace)
        if not finite:
            raise Diverged(
                f"the update of {self._name} is not finite; "
                f"try smaller loss weights, or check its options"
            )
        self._remember(float(evaluation.total))
        self._iterate = iterate
        return evaluation

    def objective_changed(self) -> None:
        """Does nothing: no evaluation is cached."""

    def finish(self, objective: Objective) -> Evaluation:
        """Evaluates the result; if it is worse than the start, falls back to the best iterate.

        The step size does not depend on the distance to the optimum, so a start close to it can
        get worse.
        """
        self._improved = True
        evaluation = objective(self.result)
        if float(evaluation.total) <= self._start_total:
            return evaluation
        best = objective(self._best)
        if evaluation.total <= best.total:  # terms with random draws change the objective
            return evaluation
        self._improved = False
        self.stopped = (
            f"ended at {float(evaluation.total):.4g}, above its start at {self._start_total:.4g}; "
            f"the best iterate, at {float(best.total):.4g}, is the result"
        )
        log.warning("%s: try a smaller optimizer.learning_rate, or optimizer=lbfgs", self.stopped)
        return best

    def state(self) -> dict[str, np.ndarray]:
        """Returns the iterate, the best image so far and the number of evaluations."""
        held = self._held._asdict()
        moments = tf.nest.flatten(held.pop("moments"))
        held |= {f"moments_{i:02d}": moment for i, moment in enumerate(moments)}
        return {name: tensor.numpy() for name, tensor in held.items()} | {
            "best": self._best.numpy(),
            "best_total": np.float64(self._best_total),
            "start_total": np.float64(self._start_total),
            "improved": np.bool_(self._improved),
            "evaluations": np.int64(self.evaluations),
        }

    def restore(self, state: State) -> None:
        """Resumes from a state.

        Raises:
            ValueError: The state belongs to another kind of optimizer.
        """
        self.begin(tf.constant(state["image"]))
        if set(state) != set(self.state()):
            raise ValueError(
                f"the saved state does not belong to {self._name} with these options: "
                f"it holds {sorted(state)}, expected {sorted(self.state())}"
            )
        parts = {name: tf.constant(value) for name, value in state.items()}
        moments = [parts[name] for name in sorted(parts) if name.startswith("moments_")]
        packed = tf.nest.pack_sequence_as(self._held.moments, moments)
        kept = {name: parts[name] for name in Iterate._fields if name in parts}
        self._iterate = Iterate(**kept, moments=packed)
        self._best, self._best_total = parts["best"], float(state["best_total"])
        self._start_total = float(state["start_total"])
        self._improved = bool(state["improved"])
        self.evaluations = int(state["evaluations"])

    @property
    def _held(self) -> Iterate:
        assert self._iterate is not None, "begin or restore comes first"
        return self._iterate

    def _remember(self, total: float) -> None:
        if math.isinf(self._start_total):
            self._start_total = total
        if total < self._best_total:
            self._best, self._best_total = self.image, total
        self._improved = total < self._start_total


def by_name(name: str, options: Mapping[str, Any]) -> Rule:
    """Returns our own rule of that name if it has these options, else Keras' optimizer.

    Raises:
        InputError: An unknown name or option, or an invalid value of one.
    """
    rules: dict[str, type[Adam | SGD]] = {"adam": Adam, "sgd": SGD}
    ours = rules.get(name.lower())
    if ours is None or not set(options) <= set(ours._fields):
        return Keras(name, options)
    for option, value in options.items():
        if (valid := required(option, value)) is not None:
            raise InputError(f"optimizer.options.{option}={value} is not valid: it must be {valid}")
    return ours(**options)
