"""Whether a difference between means is more than what the seed makes of a run."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cache
from statistics import variance

import numpy as np

from nst.compare.load import RunRecord
from nst.compare.statistics import number

DRAWS = 20_000  # of the simulation


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


def judgement(difference: float, share: float, count: int, noise: tuple[float, int]) -> str:
    """Says whether the largest difference of means exceeds what seeds do (Tukey 1953, Kramer 1956).

    Which two means it is of is known only after all were seen: even of noise the extremes lie the
    further apart, the more values a setting has. Student's test, of two means, does not know.

    Args:
        difference: Between the largest and the smallest mean.
        share: Variance of the difference, as a multiple of a single run's.
        count: Number of means.
        noise: See :func:`seed_noise`.
    """
    deviation, freedom = noise
    if freedom and not deviation:
        return "every seed gave the same picture, so the seed tells nothing about chance here"
    if freedom < 2:
        return "too few seeds to tell this from chance (add seed=0,1,2 to the sweep)"
    margin = studentised_range(count, freedom) * deviation * math.sqrt(share / 2)
    exceeds = "exceeds" if difference > margin else "does not exceed"
    return (
        f"the difference {number(difference)} {exceeds} the variation between seeds "
        f"({number(margin)} at 95 % between the extremes of {count} values, "
        f"{freedom} degrees of freedom)"
    )


@cache
def studentised_range(count: int, freedom: int) -> float:
    """95 % point of the range of normal means over the estimated deviation of one (Tukey 1953).

    Args:
        count: Number of means, at least 2.
        freedom: Degrees of freedom of the estimate, at least 2.

    Returns:
        By simulation, the same in every call; within 3 % of the tables.
    """
    random = np.random.default_rng(0)
    ranges = np.ptp(random.standard_normal((DRAWS, count)), axis=1)
    deviations = np.sqrt(random.chisquare(freedom, DRAWS) / freedom)
    return float(np.quantile(ranges / deviations, 0.95))
