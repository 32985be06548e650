"""What each setting does to the metrics: over all other settings, and within each task."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
import numpy.typing as npt

from nst.compare.chance import error_share, judgement, seed_noise
from nst.compare.load import RunRecord
from nst.compare.settings import TASK, ordered, short, shown, task
from nst.compare.statistics import Groups, Spread, by_combination, number, spread, without_seed
from nst.config.settings import Value
from nst.metrics.table import AXES, EVERY

Cell = list[list[RunRecord]]  # combinations of settings, each with its seeds
Block = list[Cell]  # alike in something; a cell for each value of a key
Means = npt.NDArray[np.float64]  # of cells: [blocks, values]


@dataclass(frozen=True)
class Effect:
    """The main effect of a key.

    Attributes:
        key: The key.
        values: All that it took.
        points: Per metric and value, the mean of each combination of other keys, seeds averaged
            first; of each task where no combination is shared. Tasks are moved to a common mean.
        verdicts: One sentence per distance.
        shared: Number of combinations of other keys that every value was tried with.
        tasks: Number of tasks, see :func:`nst.compare.settings.task`.
    """

    key: str
    values: list[Value]
    points: dict[str, list[list[float]]]
    verdicts: list[str]
    shared: int
    tasks: int

    @property
    def spreads(self) -> dict[str, list[Spread]]:
        """Per metric and value, over the points."""
        return {metric: list(map(spread, samples)) for metric, samples in self.points.items()}


def effects(runs: Sequence[RunRecord], keys: Sequence[str]) -> list[Effect]:
    """Computes the main effect of every key but the seed and the task's, over completed runs.

    Where combinations are missing, only those that every value of a key was tried with count, so
    that the effect of another key is not taken for its own; if there are none, the tasks that
    every value was tried with. A key whose values share no task is left out.
    """
    done = [run for run in runs if run.state == "completed" and "content_distance" in run.metrics]
    settings = [key for key in without_seed(keys) if key not in TASK]
    return [effect for key in settings if (effect := _effect(key, keys, done)) is not None]


def _effect(key: str, keys: Sequence[str], runs: Sequence[RunRecord]) -> Effect | None:
    values = ordered(run.settings.get(key) for run in runs)
    others = [other for other in keys if other != key]
    alike = _blocks(key, values, keys, by_combination(runs, others))
    blocks = alike or _blocks(key, values, keys, by_combination(runs, TASK))
    if len(values) < 2 or not blocks:
        return None
    tasks = [task(block[0][0][0]) for block in blocks]
    means = {metric: _levelled(_means(blocks, metric), tasks) for metric in _measured(blocks)}
    groups = by_combination(runs, keys).values()
    noise = {metric: seed_noise(groups, metric) for metric in AXES if metric in means}
    return Effect(
        key,
        values,
        {metric: table.T.tolist() for metric, table in means.items()},
        [_verdict(key, values, blocks, metric, means[metric], noise[metric]) for metric in noise],
        len(alike),
        len(set(tasks)),
    )


def _blocks(key: str, values: Sequence[Value], keys: Sequence[str], groups: Groups) -> list[Block]:
    """Sorts each group by the values of a key; those in which a value is missing do not count."""
    parted = [by_combination(group, [key]) for group in groups.values()]
    return [
        [list(by_combination(part[(value,)], keys).values()) for value in values]
        for part in parted
        if len(part) == len(values)
    ]


def _measured(blocks: Sequence[Block]) -> list[str]:
    """Lists the metrics that all runs have."""
    runs = [run for block in blocks for cell in block for group in cell for run in group]
    return [metric for metric in EVERY if all(metric in run.metrics for run in runs)]


def _means(blocks: Sequence[Block], metric: str) -> Means:
    """Averages each cell over its combinations, each over its seeds first."""

    def mean(cell: Cell) -> float:
        return fmean(fmean(run.metrics[metric] for run in group) for group in cell)

    return np.array([[mean(cell) for cell in block] for block in blocks])


def _levelled(means: Means, tasks: Sequence[Hashable]) -> Means:
    """Moves each task to the mean of all: metrics compare only within a task.

    Args:
        means: One row per block.
        tasks: Of each block.
    """
    levelled = means.copy()
    for each in set(tasks):
        own = [other == each for other in tasks]
        levelled[own] += means.mean() - means[own].mean()
    return levelled


def _verdict(
    key: str,
    values: Sequence[Value],
    blocks: Sequence[Block],
    metric: str,
    means: Means,
    noise: tuple[float, int],
) -> str:
    level = means.mean(axis=0)
    low, high = int(level.argmin()), int(level.argmax())
    shares = [error_share(block[value]) for block in blocks for value in (low, high)]
    share, difference = sum(shares) / len(blocks) ** 2, float(level[high] - level[low])
    return (
        f"{EVERY[metric].label}: from {number(level[low])} at {short(key)}={shown(values[low])} "
        f"to {number(level[high])} at {shown(values[high])}; "
        f"{judgement(difference, share, len(values), noise)}."
    )
