"""Samples of metrics: how numbers are written, and runs that differ in nothing but the seed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from nst.compare.load import RunRecord
from nst.compare.settings import shown
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
