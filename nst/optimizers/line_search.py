"""A line search for the weak Wolfe conditions that never accepts an increase."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

DECREASE = 1e-4
"""c1 of the Armijo condition (Nocedal and Wright, Numerical Optimization, section 3.1)."""
CURVATURE = 0.9
"""c2 of the curvature condition; loose, as is usual for quasi-Newton steps (same section)."""
EXPANSION = 4.0
MARGIN = 0.1
"""An interpolated step keeps this share of the interval away from both ends."""


class Trial(NamedTuple):
    """One point on the line.

    Attributes:
        step: Distance from the start, >= 0.
        value: Value of the function there.
        slope: Its derivative along the line.
        point: Anything the caller wants returned with this trial.
    """

    step: float
    value: float
    slope: float
    point: Any = None


def weak_wolfe(evaluate: Callable[[float], Trial], start: Trial, budget: int) -> Trial | None:
    """Finds a step with sufficient decrease and, if the budget allows, enough curvature.

    Bracketing as in Lewis and Overton (2013, "Nonsmooth optimization via quasi-Newton methods",
    algorithm 2.6), with cubic interpolation in place of bisection. The curvature condition keeps
    the L-BFGS pair positive. A trial that is not finite counts as a step that is too long.

    Args:
        evaluate: Returns the trial at a step > 0.
        start: The trial at step 0, with a negative slope.
        budget: Maximum number of evaluations, >= 1.

    Returns:
        The accepted trial, lower than the start, or None if the budget ran out.
    """
    low, high, step = start, None, 1.0
    for _ in range(budget):
        trial = evaluate(step)
        if not _decreases(start, trial):
            high = trial
        elif trial.slope < CURVATURE * start.slope:
            low = trial
        else:
            return trial
        step = EXPANSION * step if high is None else _between(low, high)
    return None if low is start else low


def _decreases(start: Trial, trial: Trial) -> bool:
    finite = math.isfinite(trial.value) and math.isfinite(trial.slope)
    bound = start.value + DECREASE * trial.step * start.slope
    return finite and trial.value < start.value and trial.value <= bound


def _between(low: Trial, high: Trial) -> float:
    """Returns the minimiser of the cubic through both trials (Nocedal and Wright, equation 3.59).

    It is kept inside the interval; where no such minimiser exists, it is the step nearest ``low``.
    """
    width = high.step - low.step
    nearest, farthest = low.step + MARGIN * width, high.step - MARGIN * width
    d1 = low.slope + high.slope - 3 * (high.value - low.value) / width
    square = d1 * d1 - low.slope * high.slope
    if not (math.isfinite(square) and square > 0):
        return nearest
    d2 = math.sqrt(square)
    denominator = high.slope - low.slope + 2 * d2
    if denominator == 0:
        return nearest
    minimiser = high.step - width * (high.slope + d2 - d1) / denominator
    return min(max(minimiser, nearest), farthest)
