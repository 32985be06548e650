"""Whether metrics agree on which runs are better: rank correlations (Spearman 1904)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nst.compare.load import RunRecord
from nst.compare.settings import task
from nst.metrics.table import EVERY

FEWEST = 3  # runs of a task: two ranks always agree or disagree fully


def ranks(values: Sequence[float]) -> list[float]:
    """Ranks values from 1, the least first; equal ones share the mean of their ranks."""
    inorder = np.sort(values)
    below, upto = (np.searchsorted(inorder, values, side) for side in ("left", "right"))
    return [float(rank) for rank in (below + upto + 1) / 2]


def spearman(groups: Sequence[Sequence[tuple[float, float]]]) -> float | None:
    """Correlates ranks within groups, over all groups.

    Args:
        groups: Pairs of values; values of different groups are never compared.

    Returns:
        -1 to 1; None where one of both does not vary.
    """
    first: list[float] = []
    second: list[float] = []
    for group in groups:
        for pooled, values in zip((first, second), zip(*group, strict=True), strict=True):
            ranked = ranks(values)
            mean = (len(ranked) + 1) / 2
            pooled += [rank - mean for rank in ranked]
    scale = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(np.dot(first, second)) / scale if scale else None


def correlation(runs: Sequence[RunRecord], one: str, other: str) -> float | None:
    """Correlates two metrics over completed runs, within each task.

    Returns:
        1 where both order the runs alike from better to worse, -1 where opposite; None where too
        few runs of any task have both.
    """
    tasks: dict[object, list[tuple[float, float]]] = {}
    for run in runs:
        if run.state == "completed" and {one, other} <= run.metrics.keys():
            pair = tuple(EVERY[name].badness(run.metrics[name]) for name in (one, other))
            tasks.setdefault(task(run), []).append((pair[0], pair[1]))
    return spearman([group for group in tasks.values() if len(group) >= FEWEST])
