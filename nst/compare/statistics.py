"""What each key does to the metrics, over all other settings, and what seeds alone do."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev, variance

from nst.compare.load import RunRecord
from nst.compare.settings import ordered, short, shown
from nst.config.settings import Value

METRICS = {
    "content_distance": "content distance",
    "style_distance": "style distance",
    "seconds": "seconds",
    "evaluations": "evaluations",
}
Setting = tuple[Value, ...]


@dataclass(frozen=True)
class Spread:
    """Mean and standard deviation of a sample; no deviation where there is one value."""

    mean: float
    deviation: float | None
    count: int

    def __str__(self) -> str:
        """Writes it as ``0.312 ± 0.021``, both to the same decimal."""
        text = number(self.mean)
        decimals = len(text.partition(".")[2])
        return text if self.deviation is None else f"{text} ± {self.deviation:.{decimals}f}"


@dataclass(frozen=True)
class Effect:
    """The main effect of a key.

    Attributes:
        key: The key.
        values: That it took.
        spreads: Of each metric, for each value: over the other settings, seeds averaged first.
        points: Of each metric, for each value: the settings' own means.
        verdicts: One sentence for each of the two distances.
        settings: Of the other keys, that every value was tried with; 0 where they share none.
    """

    key: str
    values: list[Value]
    spreads: dict[str, list[Spread]]
    points: dict[str, list[list[float]]]
    verdicts: list[str]
    settings: int


def number(value: float) -> str:
    """Writes a count as it is, any other number with three digits, never as ``1e+03``."""
    if not math.isfinite(value) or value == round(value):
        return f"{value:.0f}"
    return f"{value:.{max(0, min(6, 2 - math.floor(math.log10(abs(value)))))}f}"


def spread(values: Iterable[float]) -> Spread:
    """Summarises a sample of at least one value."""
    sample = list(values)
    return Spread(fmean(sample), stdev(sample) if len(sample) > 1 else None, len(sample))


def by_setting(runs: Iterable[RunRecord], keys: Sequence[str]) -> dict[Setting, list[RunRecord]]:
    """Groups runs by all differing keys but the seed."""
    groups: dict[Setting, list[RunRecord]] = {}
    for run in runs:
        groups.setdefault(tuple(run.settings.get(k) for k in keys if k != "seed"), []).append(run)
    return groups


def effects(runs: Sequence[RunRecord], keys: Sequence[str]) -> list[Effect]:
    """Computes the main effect of every key but the seed, over completed runs.

    Where some combinations are missing, those that every value of a key has been tried with are
    compared, so that no other key is mistaken for it; without any, all are.
    """
    done = [run for run in runs if run.state == "completed" and "content_distance" in run.metrics]
    if not done:
        return []
    groups, others = by_setting(done, keys), [key for key in keys if key != "seed"]
    found = [_effect(index, key, groups) for index, key in enumerate(others)]
    return [effect for effect in found if len(effect.values) > 1]


def _effect(index: int, key: str, groups: dict[Setting, list[RunRecord]]) -> Effect:
    values = ordered(setting[index] for setting in groups)
    others = [{_without(s, index) for s in groups if s[index] == value} for value in values]
    common = set.intersection(*others) if others else set()
    kept = [
        {
            s: g
            for s, g in groups.items()
            if s[index] == v and (not common or _without(s, index) in common)
        }
        for v in values
    ]
    present = [
        m for m in METRICS if all(m in r.metrics for gs in kept for g in gs.values() for r in g)
    ]
    points = {m: [[_mean(group, m) for group in gs.values()] for gs in kept] for m in present}
    return Effect(
        key,
        values,
        {metric: [spread(sample) for sample in samples] for metric, samples in points.items()},
        points,
        [_verdict(key, values, kept, m, seed_noise(groups.values(), m)) for m in present[:2]],
        len(common),
    )


def _without(setting: Setting, index: int) -> Setting:
    return setting[:index] + setting[index + 1 :]


def _mean(group: Iterable[RunRecord], metric: str) -> float:
    return fmean(run.metrics[metric] for run in group)


def seed_noise(groups: Iterable[Sequence[RunRecord]], metric: str) -> tuple[float, int]:
    """Pools the deviation between seeds of one setting over all settings.

    Returns:
        Standard deviation of a single run, and its degrees of freedom, 0 where no seed was varied.
    """
    squares, freedom = 0.0, 0
    for group in groups:
        # By seed: the same run made twice is no second sample.
        sample = list({run.settings.get("seed"): run.metrics[metric] for run in group}.values())
        if len(sample) > 1:
            squares += variance(sample) * (len(sample) - 1)
            freedom += len(sample) - 1
    return (math.sqrt(squares / freedom), freedom) if freedom else (0.0, 0)


def _verdict(
    key: str,
    values: Sequence[Value],
    kept: Sequence[dict[Setting, list[RunRecord]]],
    metric: str,
    noise: tuple[float, int],
) -> str:
    means = [fmean(_mean(group, metric) for group in groups.values()) for groups in kept]
    low, high = means.index(min(means)), means.index(max(means))
    difference, (deviation, freedom) = means[high] - means[low], noise
    words = (
        f"{METRICS[metric]}: from {number(means[low])} at {short(key)}={shown(values[low])} "
        f"to {number(means[high])} at {shown(values[high])}"
    )
    if freedom < 2:
        return f"{words}; too few seeds to tell this from chance (add seed=0,1,2 to the sweep)."
    error = deviation * math.sqrt(sum(_error_share(kept[i].values()) for i in (low, high)))
    margin = _student(freedom) * error
    exceeds = "exceeds" if difference > margin else "does not exceed"
    return (
        f"{words}; the difference {number(difference)} {exceeds} what seeds alone do "
        f"(95 % within {number(margin)}, {freedom} degrees of freedom)."
    )


def _error_share(groups: Iterable[Sequence[RunRecord]]) -> float:
    """Variance of a mean of settings' means, in units of a single run's."""
    sizes = [len({run.settings.get("seed") for run in group}) for group in groups]
    return sum(1 / size for size in sizes) / len(sizes) ** 2


def _student(freedom: int) -> float:
    """Two-sided 95 % point of Student's t, by Cornish-Fisher expansion; within 4 % from 2 on."""
    return 1.96 + 2.372 / freedom + 2.823 / freedom**2 + 2.556 / freedom**3
