"""The record of a step: what was measured, and the image that would be saved then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import tensorflow as tf

from nst.losses import Weights


@dataclass(frozen=True)
class Record:
    """The measurements of one iterate.

    Attributes:
        step: Updates made so far; 0 is the initial image.
        scale: Index of the scale, 0 the coarsest.
        evaluations: Evaluations of the objective so far.
        seconds: Since the start of the run.
        total: The objective, exactly the function whose gradient is used.
        weights: Weights of each term and its parts.
        parts: Unweighted distances of each part of each term.
        gradient: Euclidean norms of the gradient: ``total``, and each term's when measured.
        finish: Returns the image that would be saved now, see :attr:`image`.
        last: Whether this is the record of the result. An optimizer may stop before its last step.
    """

    step: int
    scale: int
    evaluations: int
    seconds: float
    total: float
    weights: Mapping[str, Weights]
    parts: Mapping[str, Mapping[str, float]]
    gradient: Mapping[str, float]
    finish: Callable[[], tf.Tensor]
    last: bool = False

    @cached_property
    def image(self) -> tf.Tensor:
        """The image that would be saved now, RGB in [0, 1], ``[1, H, W, 3]``; made when asked."""
        return self.finish()

    @property
    def raw(self) -> dict[str, float]:
        """Unweighted value of each term."""
        return {
            name: sum(self.weights[name].parts[part] * value for part, value in parts.items())
            for name, parts in self.parts.items()
        }

    @property
    def weighted(self) -> dict[str, float]:
        """Weighted value of each term; they add up to the total."""
        return {name: self.weights[name].term * value for name, value in self.raw.items()}
