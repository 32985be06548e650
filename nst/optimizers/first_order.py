"""Adam, SGD and Keras' optimizers on the levels of an image that stays in [0, 1]."""

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
    """Adam, SGD or any Keras optimizer, with the box [0, 1] and a running mean of its iterates.

    What it moves are the levels of a Laplacian pyramid (as in Kolkin et al., "Style Transfer by
    Relaxed Optimal Transport and Self-Similarity", 2019): a step of a coarse level paints an area,
    where steps of pixels, each by its own sign, paint ripples. With one level it moves pixels.

    The gradient of each level is divided by its root mean square at the first evaluation, so that
    `learning_rate` is a step in pixel values, and Adam's epsilon a share of that gradient, whatever
    the loss weights are. A new scale keeps that unit per pixel: a loss that is a mean over
    positions spreads its gradient over the pixels, so the unit shrinks as their number grows.

    The rule's moments carry over to a new scale, resampled with the image. The running mean, which
    is `result`, starts afresh; it is bias-corrected, as in Crowson's style-transfer-pytorch.
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
        """Checks its arguments; `begin` takes an image.

        Args:
            name: A class of `keras.optimizers`, in any case.
            learning_rate: Of the finest level, above 0, in pixel values.
            average: Decay of the running mean of iterates, 0 (off) to below 1.
            levels: Of the Laplacian pyramid, at least 1, the pixels themselves.
            growth: Of the steps from a level to the next coarser one, a factor above 0.
            options: Further arguments of the Keras class, such as `beta_1`.
            final_rate: Share of `learning_rate` that is left at the end of each scale, 0 to 1; it
                falls along a cosine (Loshchilov and Hutter, "SGDR", 2017).

        Raises:
            InputError: An unknown name or option, or a value that is not valid.
            ValueError: A number out of range.
        """
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
        self._advance = advancing(self._rule, levels)
        self._pace = Pace(float(learning_rate), float(growth), float(average))
        self._iterate: Iterate | None = None
        self.evaluations = 0
        self.stopped: str | None = None

    @property
    def image(self) -> tf.Tensor:
        """The current iterate, `[1, H, W, 3]`, in [0, 1] from the first step on."""
        return self._held.image

    @property
    def result(self) -> tf.Tensor:
        """The running mean of this scale's iterates, or what `finish` chose; in [0, 1]."""
        shown = self._held.mean if self.stopped is None else self._best
        return tf.clip_by_value(shown, 0.0, 1.0)

    def begin(self, image: tf.Tensor) -> None:
        """Takes `image` `[1, H, W, 3]` over; moments, if there are any, follow it to its size."""
        previous = self._iterate
        iterate = first(self._rule, tf.convert_to_tensor(image), self._levels)
        if previous is not None:
            shrunk = int(tf.size(previous.image)) / int(tf.size(image))
            moments = tf.nest.map_structure(resampled, previous.moments, iterate.moments)
            iterate = iterate._replace(units=previous.units * shrunk, moments=moments)
        self._iterate = iterate
        self._start_total = self._best_total = math.inf  # not yet known
        self._best = iterate.image
        self.stopped = None

    def step(self, objective: Objective, progress: float = 0.0) -> Evaluation:
        """One update; costs one evaluation."""
        evaluation = objective(self.image)
        self.evaluations += 1
        gradient_rms(evaluation)  # complains where it is not finite
        left = (1 + math.cos(math.pi * progress)) / 2
        share = self._final_rate + (1 - self._final_rate) * left
        pace = self._pace._replace(rate=self._pace.rate * share)
        iterate, finite = self._advance(self._held, evaluation.gradient, pace)
        if not finite:
            raise Diverged(f"the update of {self._name} is not finite; check its options")
        self._remember(float(evaluation.total))
        self._iterate = iterate
        return evaluation

    def objective_changed(self) -> None:
        """Nothing to do: `finish` evaluates anew what it chooses."""

    def finish(self, objective: Objective) -> Evaluation:
        """Evaluates the result; where it is worse than the start, the best iterate takes its place.

        Steps have a size of their own, however near the start is to the optimum.
        """
        evaluation = objective(self.result)
        if float(evaluation.total) <= self._start_total:
            return evaluation
        best = objective(self._best)
        if evaluation.total <= best.total:  # terms that are drawn anew make another function
            return evaluation
        self.stopped = (
            f"ended at {float(evaluation.total):.4g}, above its start at {self._start_total:.4g}; "
            f"the best iterate, at {float(best.total):.4g}, is the result"
        )
        log.warning("%s: try a smaller optimizer.learning_rate, or optimizer=lbfgs", self.stopped)
        return best

    def state(self) -> dict[str, np.ndarray]:
        """The parts of the iterate, the best one so far, and the count."""
        held = self._held._asdict()
        moments = tf.nest.flatten(held.pop("moments"))
        held |= {f"moments_{i:02d}": moment for i, moment in enumerate(moments)}
        return {name: tensor.numpy() for name, tensor in held.items()} | {
            "best": self._best.numpy(),
            "best_total": np.float64(self._best_total),
            "start_total": np.float64(self._start_total),
            "evaluations": np.int64(self.evaluations),
        }

    def restore(self, state: State) -> None:
        """Continues from `state`.

        Raises:
            ValueError: The state is that of another kind of optimizer.
        """
        self.begin(tf.constant(state["image"]))
        if set(state) != set(self.state()):
            raise ValueError(
                f"the saved state is not one of {self._name} with these options: "
                f"it holds {sorted(state)}, expected {sorted(self.state())}"
            )
        parts = {name: tf.constant(value) for name, value in state.items()}
        moments = [parts[name] for name in sorted(parts) if name.startswith("moments_")]
        packed = tf.nest.pack_sequence_as(self._held.moments, moments)
        kept = {name: parts[name] for name in Iterate._fields if name in parts}
        self._iterate = Iterate(**kept, moments=packed)
        self._best, self._best_total = parts["best"], float(state["best_total"])
        self._start_total = float(state["start_total"])
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


def by_name(name: str, options: Mapping[str, Any]) -> Rule:
    """Makes a rule: ours where there is one with these options, else Keras'.

    Raises:
        InputError: An unknown name or option, or a value that is not valid.
    """
    rules: dict[str, type[Adam | SGD]] = {"adam": Adam, "sgd": SGD}
    ours = rules.get(name.lower())
    if ours is None or not set(options) <= set(ours._fields):
        return Keras(name, options)
    for option, value in options.items():
        if (valid := required(option, value)) is not None:
            raise InputError(f"optimizer.options.{option}={value} is not valid: it must be {valid}")
    return ours(**options)
