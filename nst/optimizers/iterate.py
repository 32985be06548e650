"""One step of an update rule: a pure function, compiled once for images of any size."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple

import tensorflow as tf

from nst.optimizers.base import rms
from nst.optimizers.keras import Keras
from nst.optimizers.laplacian import join, pulled_back, split
from nst.optimizers.rules import Rule, Tensors

Step = Callable[..., "tuple[Iterate, tf.Tensor]"]


class Iterate(NamedTuple):
    """Everything that a step changes.

    Attributes:
        image: ``[1, H, W, 3]``, in [0, 1] from the first step on.
        mean: The running mean of the images, of the same shape.
        mean_weight: Sum of the weights in that mean, a scalar.
        units: Root mean square of the first gradient of each level, float64; 0 until it is known.
        moments: The rule's state.
    """

    image: tf.Tensor
    mean: tf.Tensor
    mean_weight: tf.Tensor
    units: tf.Tensor
    moments: Any


class Pace(NamedTuple):
    """Step size at the finest level, its growth per level, and the decay of the running mean."""

    rate: float
    growth: float
    average: float


def first(rule: Rule, image: tf.Tensor, levels: int) -> Iterate:
    """Returns the iterate before the first step."""
    units = tf.zeros([levels], tf.float64)
    return Iterate(image, image, tf.constant(0.0), units, rule.init(split(image, levels)))


def advance(
    rule: Rule, iterate: Iterate, gradient: tf.Tensor, pace: Pace
) -> tuple[Iterate, tf.Tensor]:
    """Moves an iterate by one step of a rule.

    Args:
        rule: The update rule; it gets gradients in units of the first ones.
        iterate: The iterate; not modified.
        gradient: Gradient with respect to the image, ``[1, H, W, 3]``.
        pace: Step size and decay.

    Returns:
        The next iterate and whether it is finite.
    """
    levels = split(iterate.image, iterate.units.shape[0])
    gradients, units = _in_units(pulled_back(gradient, len(levels)), iterate.units)
    steps, moments = rule.update(gradients, iterate.moments, levels, pace.rate)
    # Joining is linear, and the joined levels are the image.
    moved = iterate.image + join([pace.growth**k * step for k, step in enumerate(steps)])
    image = tf.clip_by_value(moved, 0.0, 1.0)
    weight = pace.average * iterate.mean_weight + (1.0 - pace.average)
    share = (1.0 - pace.average) / weight  # 1 at the first step: bias correction
    mean = (1.0 - share) * iterate.mean + share * image
    return Iterate(image, mean, weight, units, moments), tf.reduce_all(tf.math.is_finite(moved))


def advancing(rule: Rule, levels: int) -> Step:
    """Returns `advance` of a rule, compiled; Keras', whose variables have one shape, anew."""
    if isinstance(rule, Keras):
        step = tf.function(partial(advance, rule), autograph=False)
        return lambda iterate, gradient, pace: step(
            iterate, gradient, Pace(*map(tf.constant, pace))
        )
    return partial(compiled(type(rule), levels), rule)


@lru_cache
def compiled(kind: type[Rule], levels: int) -> Step:
    """Compiles ``advance`` for any image size and any settings: one trace serves all runs."""
    rule, image, pace = kind(), tf.zeros([1, 1, 1, 3]), Pace(0.0, 0.0, 0.0)
    signature = tf.nest.map_structure(_open, (rule, first(rule, image, levels), image, pace))
    step: Step = tf.function(advance, input_signature=signature, autograph=False)
    return step


def resampled(value: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    """Resizes axes 1 and 2 of a moment to those of ``like``; returns scalars unchanged.

    Bilinear interpolation with antialiasing is a weighted mean, so second moments stay >= 0.
    """
    if value.shape == like.shape:
        return value
    grid = tf.reshape(value, [1, *value.shape[1:3], -1])  # Adafactor's have rank 3
    return tf.reshape(tf.image.resize(grid, like.shape[1:3], antialias=True), like.shape)


def _in_units(gradients: Tensors, units: tf.Tensor) -> tuple[Tensors, tf.Tensor]:
    """Divides gradients by their units; measures the units that are not yet known."""

    def measured() -> tf.Tensor:
        return tf.where(units > 0, units, tf.stack([rms(gradient) for gradient in gradients]))

    units = tf.cond(tf.reduce_all(units > 0), lambda: units, measured)
    divisors = tf.unstack(tf.cast(tf.where(units > 0, units, 1.0), tf.float32))
    return [g / unit for g, unit in zip(gradients, divisors, strict=True)], units


def _open(value: Any) -> tf.TensorSpec:
    """Returns a spec with height and width left open in images ``[1, H, W, 3]``."""
    tensor = tf.convert_to_tensor(value)
    return tf.TensorSpec(
        [1, None, None, 3] if tensor.shape.rank == 4 else tensor.shape, tensor.dtype
    )
