"""Whether a difference between means is more than what the seed makes of a run."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import variance

from nst.compare.load import RunRecord
from nst.compare.statistics import number


def seed_noise(groups: Iterable[Sequence[RunRecord]], metric: str) -> tuple[float, int]:
    """Pools the deviation between the seeds of a combination over all combinations.

    Args:
        groups: The runs of each combination; those without the metric do not count.
        metric: Its key.

    Returns:
        Standard deviation of a single run, and its degrees of freedom, 0 where no seed varies.
    """
    squares, freedom = 0.0, 0
    for group in groups:
        # By seed: a run repeated with the same seed is no second sample.
        known = [run for run in group if metric in run.metrics]
        sample = list({run.settings.get("seed"): run.metrics[metric] for run in known}.values())
        if len(sample) > 1:
            squares += variance(sample) * (len(sample) - 1)
            freedom += len(sample) - 1
    return (math.sqrt(squares / freedom), freedom) if freedom else (0.0, 0)


def error_share(groups: Iterable[Sequence[RunRecord]]) -> float:
    """Variance of the mean over combinations, as a multiple of a single run's."""
    sizes = [len({run.settings.get("seed") for run in group}) for group in groups]
    return sum(1 / size for size in sizes) / len(sizes) ** 2


def judgement(difference: float, share: float, noise: tuple[float, int]) -> str:
    """Says whether a difference of means exceeds what seeds do.

    Args:
        difference: Between the largest and the smallest mean.
        share: Its variance, as a multiple of a single run's.
        noise: See :func:`seed_noise`.
    """
    deviation, freedom = noise
    if freedom and not deviation:
        return "every seed gave the same picture, so the seed tells nothing about chance here"
    if freedom < 2:
        return "too few seeds to tell this from chance (add seed=0,1,2 to the sweep)"
    margin = _student(freedom) * deviation * math.sqrt(share)
    exceeds = "exceeds" if difference > margin else "does not exceed"
    return (
        f"the difference {number(difference)} {exceeds} the variation between seeds "
        f"({number(margin)} at 95 %, {freedom} degrees of freedom)"
    )


def _student(freedom: int) -> float:
    """Two-sided 95 % point of Student's t, by Cornish-Fisher; within 4 % for freedom >= 2."""
    return 1.96 + 2.372 / freedom + 2.823 / freedom**2 + 2.556 / freedom**3
