"""Update rules: pure functions of gradients and a state, each with its equation.

A rule is a tuple of its settings. In compiled code these are tensors, so one trace serves all.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Protocol

import tensorflow as tf

Tensors = list[tf.Tensor]
"""One tensor per level of the image."""


class Rule(Protocol):
    """Computes steps from gradients."""

    def init(self, levels: Tensors) -> Any:
        """Returns the state before the first step, a nest of tensors."""

    def update(
        self, gradients: Tensors, state: Any, levels: Tensors, rate: tf.Tensor
    ) -> tuple[Tensors, Any]:
        """Returns the change of each level and the next state."""


class AdamState(NamedTuple):
    """Number of steps, and the decaying means of the gradients and of their squares."""

    count: tf.Tensor
    mean: Tensors
    square: Tensors


class Adam(NamedTuple):
    """Adam (Kingma and Ba, 2015, "Adam: A Method for Stochastic Optimization").

    As in Keras, in the efficient form at the end of the paper's section 2: ``epsilon`` is added to
    the root of the biased second moment.
    """

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7

    def init(self, levels: Tensors) -> AdamState:
        """Starts with moments of 0."""
        zeros = [tf.zeros_like(level) for level in levels]
        return AdamState(tf.constant(0.0), zeros, zeros)

    def update(
        self, gradients: Tensors, state: AdamState, levels: Tensors, rate: tf.Tensor
    ) -> tuple[Tensors, AdamState]:
        """Returns ``-rate √(1 - β₂ᵗ) / (1 - β₁ᵗ) · m / (√v + ε)`` and the new t, m, v."""
        t = state.count + 1.0
        rate *= tf.sqrt(1.0 - self.beta_2**t) / (1.0 - self.beta_1**t)
        steps, mean, square = [], [], []
        for g, m, v in zip(gradients, state.mean, state.square, strict=True):
            mean.append(m + (1.0 - self.beta_1) * (g - m))
            square.append(v + (1.0 - self.beta_2) * (g * g - v))
            steps.append(-rate * mean[-1] / (tf.sqrt(square[-1]) + self.epsilon))
        return steps, AdamState(t, mean, square)


class SGD(NamedTuple):
    """Gradient descent with momentum (Polyak 1964), or Nesterov's (Sutskever et al. 2013)."""

    momentum: float = 0.0
    nesterov: bool = False

    def init(self, levels: Tensors) -> Tensors:
        """Starts without velocity."""
        return [tf.zeros_like(level) for level in levels]

    def update(
        self, gradients: Tensors, state: Tensors, levels: Tensors, rate: tf.Tensor
    ) -> tuple[Tensors, Tensors]:
        """Returns the velocity ``u ← μ u - rate g``, with Nesterov ``μ u - rate g``; and u."""
        velocity = [self.momentum * u - rate * g for u, g in zip(state, gradients, strict=True)]

        def ahead() -> Tensors:
            return [self.momentum * u - rate * g for u, g in zip(velocity, gradients, strict=True)]

        steps = tf.cond(self.nesterov, ahead, lambda: velocity)
        return steps, velocity


def required(option: str, value: Any) -> str | None:
    """Returns what an option of a rule must be, or None if the value is valid."""
    if option == "nesterov":
        return None if isinstance(value, bool) else "true or false"
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if option == "epsilon":
        return None if number and 0 <= value < math.inf else "a number of 0 or more"
    return None if number and 0 <= value < 1 else "a number from 0 to below 1"
