"""Two-metric projection: steps that keep every value within bounds.

Values at a bound that the gradient pushes outward are pinned, the others move along a path clipped
to the bounds (Bertsekas 1982, "Projected Newton methods for optimization problems with simple
constraints"). Gradients are in a unit, see :class:`nst.optimizers.LBFGS`.
"""

from __future__ import annotations

from functools import partial

import tensorflow as tf

from nst.optimizers.history import dot

Bounds = tuple[float, float]  # infinite ones for none

# Compiled, for their intermediate images share memory: a large picture is half a gigabyte.
_compiled = partial(tf.function, autograph=False, reduce_retracing=True)


@_compiled
def moved(image: tf.Tensor, step: tf.Tensor, direction: tf.Tensor, bounds: Bounds) -> tf.Tensor:
    """Goes a step along the path that a direction takes within the bounds."""
    return tf.clip_by_value(image + step * direction, *bounds)


@_compiled
def slope(
    gradient: tf.Tensor, direction: tf.Tensor, image: tf.Tensor, bounds: Bounds, unit: tf.Tensor
) -> tf.Tensor:
    """Returns the derivative along that path, a scalar: what is at a bound no longer moves."""
    moving = _held(_stuck(image, direction, bounds), direction)
    return dot(gradient, moving) / tf.cast(unit, tf.float64)


@_compiled
def free_gradient(
    gradient: tf.Tensor, image: tf.Tensor, bounds: Bounds, unit: tf.Tensor
) -> tf.Tensor:
    """Returns the gradient in units, zero where a bound holds the image."""
    return _held(_stuck(image, -gradient, bounds), gradient / unit)


@_compiled
def free_direction(
    direction: tf.Tensor, gradient: tf.Tensor, image: tf.Tensor, bounds: Bounds
) -> tf.Tensor:
    """Returns the direction, zero where the gradient or the direction itself leads out."""
    pinned = _stuck(image, -gradient, bounds) | _stuck(image, direction, bounds)
    return _held(pinned, direction)


@_compiled
def difference(there: tf.Tensor, here: tf.Tensor, unit: tf.Tensor) -> tf.Tensor:
    """Returns the change of the gradient in units."""
    return (there - here) / unit


def _stuck(image: tf.Tensor, direction: tf.Tensor, bounds: Bounds) -> tf.Tensor:
    """Returns where the direction leads out of the bounds, ``[1, H, W, 3]`` bool."""
    low, high = bounds
    return (image <= low) & (direction < 0) | (image >= high) & (direction > 0)


def _held(stuck: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    """Returns the values, zero where stuck; ``tf.where`` would take three times as long."""
    return tf.cast(~stuck, values.dtype) * values
