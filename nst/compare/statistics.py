"""What each key does to the metrics, over all other keys, and the variation between seeds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev, variance

from nst.compare.load import RunRecord
from nst.compare.settings import ordered, short, shown
from nst.config.settings import Value
from nst.metrics.table import EVERY

SMALL, LARGE = 1e-4, 1e9  # below and from here on with an exponent
Combination = tuple[Value, ...]  # of the differing keys' values, the seed left out
Groups = dict[Combination, list[RunRecord]]


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation of a sample; the deviation of a single value is None."""

    mean: float
    deviation: float | None
    count: int

    def __str__(self) -> str:
        """Writes ``0.312 ± 0.021``, both to the same decimal."""
        text = number(self.mean)
        if self.deviation is None:
            return text
        if "e" in text or self.deviation >= LARGE:
            return f"{text} ± {number(self.deviation)}"
        return f"{text} ± {self.deviation:.{len(text.partition('.')[2])}f}"


@dataclass(frozen=True)
class Effect:
    """The main effect of a key.

    Attributes:
        key: The key.
        values: All that it took.
        spreads: Per metric and value, over the combinations of other keys, seeds averaged first.
        points: Per metric and value, the mean of each combination.
        verdicts: One sentence per distance.
        shared: Number of combinations of other keys that every value was tried with.
    """

    key: str
    values: list[Value]
    spreads: dict[str, list[Spread]]
    points: dict[str, list[list[float]]]
    verdicts: list[str]
    shared: int


def number(value: float) -> str:
    """Writes a count as it is, any other number with three digits: ``0.0123``, ``3.2e12``."""
    if abs(value) >= LARGE or 0 < abs(value) < SMALL:
        return shown(float(f"{value:.3g}"))
    if value == round(value):
        return f"{value:.0f}"
    return f"{value:.{max(0, min(6, 2 - math.floor(math.log10(abs(value)))))}f}"


def measured(runs: Iterable[RunRecord]) -> list[str]:
    """Lists the metrics of the table that any run has: older recordings lack some."""
    found = {name for run in runs for name in run.metrics}
    return [name for name in EVERY if name in found]


def spread(values: Iterable[float]) -> Spread:
    """Summarises a sample of at least one value."""
    sample = list(values)
    return Spread(fmean(sample), stdev(sample) if len(sample) > 1 else None, len(sample))


def without_seed(keys: Iterable[str]) -> list[str]:
    """Leaves the seed out: runs that differ in nothing else are samples of one combination."""
    return [key for key in keys if key != "seed"]


def by_combination(runs: Iterable[RunRecord], keys: Sequence[str]) -> Groups:
    """Groups runs by the values of all differing keys but the seed."""
    groups: Groups = {}
    for run in runs:
        combination = tuple(run.settings.get(key) for key in without_seed(keys))
        groups.setdefault(combination, []).append(run)
    return groups


def effects(runs: Sequence[RunRecord], keys: Sequence[str]) -> list[Effect]:
    """Computes the main effect of every key but the seed, over completed runs.

    Where combinations are missing, only those that every value of a key was tried with count, so
    that the effect of another key is not taken for its own; if there are none, all count.
    """
    done = [run for run in runs if run.state == "completed" and "content_distance" in run.metrics]
    if not done:
        return []
    groups = by_combination(done, keys)
    found = [_effect(index, key, groups) for index, key in enumerate(without_seed(keys))]
    return [effect for effect in found if len(effect.values) > 1]


def _effect(index: int, key: str, groups: Groups) -> Effect:
    values = ordered(combination[index] for combination in groups)
    partners = [{_others(c, index) for c in groups if c[index] == value} for value in values]
    shared = set.intersection(*partners) if partners else set()
    kept = [_with_value(groups, index, value, shared) for value in values]
    runs = [run for chosen in kept for group in chosen.values() for run in group]
    metrics = [metric for metric in EVERY if all(metric in run.metrics for run in runs)]
    points = {
        metric: [[_mean(group, metric) for group in chosen.values()] for chosen in kept]
        for metric in metrics
    }
    noise = {metric: seed_noise(groups.values(), metric) for metric in metrics[:2]}
    return Effect(
        key,
        values,
        {metric: [spread(sample) for sample in samples] for metric, samples in points.items()},
        points,
        [_verdict(key, values, kept, metric, noise[metric]) for metric in noise],
        len(shared),
    )


def _with_value(groups: Groups, index: int, value: Value, shared: set[Combination]) -> Groups:
    """Selects the combinations with a value; of those, the shared ones if there are any."""
    return {
        combination: group
        for combination, group in groups.items()
        if combination[index] == value and (not shared or _others(combination, index) in shared)
    }


def _others(combination: Combination, index: int) -> Combination:
    """Leaves one key's value out of a combination."""
    return combination[:index] + combination[index + 1 :]


def _mean(group: Iterable[RunRecord], metric: str) -> float:
    return fmean(run.metrics[metric] for run in group)


def seed_noise(groups: Iterable[Sequence[RunRecord]], metric: str) -> tuple[float, int]:
    """Pools the deviation between the seeds of a combination over all combinations.

    Returns:
        Standard deviation of a single run, and its degrees of freedom, 0 where no seed varies.
    """
    squares, freedom = 0.0, 0
    for group in groups:
        # By seed: a run repeated with the same seed is no second sample.
        sample = list({run.settings.get("seed"): run.metrics[metric] for run in group}.values())
        if len(sample) > 1:
            squares += variance(sample) * (len(sample) - 1)
            freedom += len(sample) - 1
    return (math.sqrt(squares / freedom), freedom) if freedom else (0.0, 0)


def _verdict(
    key: str,
    values: Sequence[Value],
    kept: Sequence[Groups],
    metric: str,
    noise: tuple[float, int],
) -> str:
    means = [fmean(_mean(group, metric) for group in groups.values()) for groups in kept]
    low, high = means.index(min(means)), means.index(max(means))
    difference, (deviation, freedom) = means[high] - means[low], noise
    words = (
        f"{EVERY[metric].label}: from {number(means[low])} at {short(key)}={shown(values[low])} "
        f"to {number(means[high])} at {shown(values[high])}"
    )
    if freedom < 2:
        return f"{words}; too few seeds to tell this from chance (add seed=0,1,2 to the sweep)."
    error = deviation * math.sqrt(sum(_error_share(kept[i].values()) for i in (low, high)))
    margin = _student(freedom) * error
    exceeds = "exceeds" if difference > margin else "does not exceed"
    return (
        f"{words}; the difference {number(difference)} {exceeds} the variation between seeds "
        f"({number(margin)} at 95 %, {freedom} degrees of freedom)."
    )


def _error_share(groups: Iterable[Sequence[RunRecord]]) -> float:
    """Variance of the mean over combinations, as a multiple of a single run's."""
    sizes = [len({run.settings.get("seed") for run in group}) for group in groups]
    return sum(1 / size for size in sizes) / len(sizes) ** 2


def _student(freedom: int) -> float:
    """Two-sided 95 % point of Student's t, by Cornish-Fisher; within 4 % for freedom >= 2."""
    return 1.96 + 2.372 / freedom + 2.823 / freedom**2 + 2.556 / freedom**3
