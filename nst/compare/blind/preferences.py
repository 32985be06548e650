"""The model of Bradley and Terry (1952): a strength per picture from comparisons of two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Of each item with an average one, beforehand: keeps strengths of the undefeated finite.
DRAWS = 1.0
Z95 = 1.96  # two-sided 95 % point of the normal distribution


@dataclass(frozen=True)
class Strength:
    """The strength of an item.

    Attributes:
        score: Logit of the probability that it beats an average item; 0 is average.
        margin: Half of the 95 % interval of the score.
        count: Comparisons that it took part in.
    """

    score: float
    margin: float
    count: int

    def __str__(self) -> str:
        """Writes ``0.85 ± 0.60``."""
        return f"{self.score:.2f} ± {self.margin:.2f}"


def strengths(
    comparisons: Sequence[tuple[int, int, float]], items: int, draws: float = DRAWS
) -> list[Strength]:
    """Fits strengths to comparisons, by Newton's method.

    Item i beats item j with probability ``1 / (1 + exp(s_j - s_i))``. Intervals are from the
    curvature of the likelihood at its maximum.

    Args:
        comparisons: First item, second item, and the share of the win that is the first one's: 1,
            0, or 0.5 for a draw.
        items: Number of items, >= 1.
        draws: Draws of every item with an average one, which are added; 0 adds none, and then an
            item that always wins has no finite strength.

    Returns:
        A strength per item; without comparisons 0.
    """
    first, second = (np.array([c[k] for c in comparisons], int) for k in (0, 1))
    won = np.array([c[2] for c in comparisons], float)
    scores = np.zeros(items)
    for _ in range(50):
        gradient, curvature = _derivatives(scores, first, second, won, draws)
        step = np.linalg.pinv(curvature) @ gradient
        scores = scores + np.clip(step, -1, 1)
        if np.abs(step).max() < 1e-9:
            break
    variances = np.diag(np.linalg.pinv(_derivatives(scores, first, second, won, draws)[1]))
    counts = np.bincount(np.concatenate([first, second]), minlength=items)
    return [
        Strength(float(s), Z95 * float(np.sqrt(v)), int(n))
        for s, v, n in zip(scores, variances, counts, strict=True)
    ]


def _derivatives(
    scores: np.ndarray, first: np.ndarray, second: np.ndarray, won: np.ndarray, draws: float
) -> tuple[np.ndarray, np.ndarray]:
    """Gradient of the log-likelihood, and its negative second derivatives."""
    expected = 1 / (1 + np.exp(scores[second] - scores[first]))
    average = 1 / (1 + np.exp(-scores))
    gradient = draws * (0.5 - average)
    np.add.at(gradient, first, won - expected)
    np.add.at(gradient, second, expected - won)
    curvature = np.diag(draws * average * (1 - average))
    information = expected * (1 - expected)
    for one, other, sign in (
        (first, first, 1),
        (second, second, 1),
        (first, second, -1),
        (second, first, -1),
    ):
        np.add.at(curvature, (one, other), sign * information)
    return gradient, curvature
