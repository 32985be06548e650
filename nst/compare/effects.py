"""What each setting does to the metrics, over all other settings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from nst.compare.chance import error_share, judgement, seed_noise
from nst.compare.load import RunRecord
from nst.compare.settings import ordered, short, shown
from nst.compare.statistics import (
    Combination,
    Groups,
    Spread,
    by_combination,
    number,
    spread,
    without_seed,
)
from nst.config.settings import Value
from nst.metrics.table import AXES, EVERY


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
    noise = {metric: seed_noise(groups.values(), metric) for metric in AXES if metric in metrics}
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


def _verdict(
    key: str,
    values: Sequence[Value],
    kept: Sequence[Groups],
    metric: str,
    noise: tuple[float, int],
) -> str:
    means = [fmean(_mean(group, metric) for group in groups.values()) for groups in kept]
    low, high = means.index(min(means)), means.index(max(means))
    share = sum(error_share(kept[i].values()) for i in (low, high))
    return (
        f"{EVERY[metric].label}: from {number(means[low])} at {short(key)}={shown(values[low])} "
        f"to {number(means[high])} at {shown(values[high])}; "
        f"{judgement(means[high] - means[low], share, len(values), noise)}."
    )
