"""What a search may choose from: a list or a range of values per setting, in Hydra's grammar."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep

from nst.config.overrides import MOST_JOBS, check_of_job, len_of_range, parse, values_of
from nst.errors import InputError

STUDY = "study.db"  # in the folder of the sweep; SQLite survives a kill at any moment
EXAMPLE = "'alpha=tag(log,interval(1e2,1e5))'"


@dataclass(frozen=True)
class Choice:
    """A setting with a list of values, as written in overrides."""

    key: str
    values: tuple[str, ...]

    @property
    def extremes(self) -> tuple[str, ...]:
        """The values to check before a search: all of them."""
        return self.values

    def suggest(self, trial: Any) -> None:
        """Has an Optuna trial choose a value."""
        trial.suggest_categorical(self.key, self.values)

    def text(self, value: Any) -> str:
        """Writes a value for an override."""
        return str(value)


@dataclass(frozen=True)
class Range:
    """A setting with a range of numbers, both ends included; whole numbers if these are."""

    key: str
    low: float
    high: float
    step: float | None
    log: bool

    @property
    def extremes(self) -> tuple[str, ...]:
        """The values to check before a search: both ends, and one between them."""
        between = self.low + 0.381966 * (self.high - self.low)
        middle = between if self.step is None else self.low
        return tuple(dict.fromkeys(self.text(value) for value in (self.low, middle, self.high)))

    def suggest(self, trial: Any) -> None:
        """Has an Optuna trial choose a value."""
        if isinstance(self.low, int):
            trial.suggest_int(self.key, self.low, self.high, step=self.step or 1, log=self.log)
        else:
            trial.suggest_float(self.key, self.low, self.high, step=self.step, log=self.log)

    def text(self, value: float) -> str:
        """Writes a value for an override, with four digits: no more matter, and people read it."""
        if isinstance(self.low, int):
            return str(round(value))
        return repr(min(max(float(f"{value:.4g}"), self.low), self.high))


Dimension = Choice | Range


def split(overrides: Iterable[str]) -> tuple[list[str], list[Dimension]]:
    """Separates the overrides of all trials from the settings to search, later ones winning.

    Raises:
        InputError: A range is empty or not finite, or there is nothing to search.
    """
    last = {o.get_key_element(): o for o in parse(overrides)}.values()
    fixed = [str(o.input_line) for o in last if not o.is_sweep_override()]
    space = [_dimension(o) for o in last if o.is_sweep_override()]
    if all(len(dimension.extremes) == 1 for dimension in space):
        raise InputError(f"search: nothing to search; give a setting a range, such as {EXAMPLE}")
    return fixed, space


def of_trials(fixed: Sequence[str]) -> list[str]:
    """Leaves out what concerns the search alone: its trials are ordinary jobs."""
    return [o for o in fixed if not o.lstrip("+~").startswith(("search=", "search.", "hydra"))]


def overrides_of(space: Sequence[Dimension], params: Mapping[str, Any]) -> list[str]:
    """Writes the values that Optuna chose as overrides."""
    return [f"{d.key}={d.text(params[d.key])}" for d in space]


def candidates(space: Sequence[Dimension]) -> list[list[str]]:
    """Lists overrides in which every extreme value of every setting occurs, to check them."""
    first = {d.key: d.extremes[0] for d in space}
    changed = [{**first, d.key: value} for d in space for value in d.extremes[1:]]
    return [[f"{key}={value}" for key, value in each.items()] for each in [first, *changed]]


def _dimension(override: Override) -> Dimension:
    check_of_job(override)
    sweep, key = override.value(), override.get_key_element()
    log = "log" in _tags(override)
    if isinstance(sweep, IntervalSweep):
        return _range(override, key, sweep.start, sweep.end, None, log)
    if isinstance(sweep, RangeSweep):
        further = len_of_range(override) - 1
        low, high = sorted((sweep.start, sweep.start + further * sweep.step))
        return _range(override, key, low, high, abs(sweep.step) if further else None, log)
    if log:
        raise InputError(f"{override.input_line}: log takes an interval, such as {EXAMPLE}")
    return Choice(key, tuple(dict.fromkeys(values_of(override))))


def _tags(override: Override) -> set[str]:
    tags = set(getattr(override.value(), "tags", ()))
    for unknown in sorted(tags - {"log"}):
        raise InputError(f"{override.input_line}: there is no tag {unknown}; log is the only one")
    return tags


def _range(
    override: Override, key: str, low: Any, high: Any, step: float | None, log: bool
) -> Dimension:
    if not (math.isfinite(low) and math.isfinite(high)) or low > high:
        raise InputError(f"{override.input_line}: a range runs from a smaller to a larger number")
    if not all(isinstance(value, int) for value in (low, high, step or 0)):
        low, high = float(low), float(high)  # range(0,1,0.1) begins with a whole number
    if low == high:
        return Choice(key, (str(low),))
    if log and low <= 0:
        raise InputError(f"{override.input_line}: a logarithmic range starts above 0")
    if log and step is not None:
        raise InputError(f"{override.input_line}: log takes an interval, such as {EXAMPLE}")
    return Range(key, low, high, step, log)


def grid_of(space: Sequence[Dimension]) -> dict[str, list[Any]]:
    """Lists the values of every setting.

    Raises:
        InputError: One has a range without steps, or too many.
    """
    return {dimension.key: _listed(dimension) for dimension in space}


def _listed(dimension: Dimension) -> list[Any]:
    match dimension:
        case Choice(values=values):
            return list(values)
        case Range(low=low, high=high, step=float() | int() as step):
            if (count := round((high - low) / step) + 1) > MOST_JOBS:
                raise InputError(
                    f"search.sampler=grid: {dimension.key} has more than {MOST_JOBS} values"
                )
            return [low + i * step for i in range(count)]
    raise InputError(
        f"search.sampler=grid: {dimension.key} has no list of values; "
        f"write {dimension.key}=1,2,3 or {dimension.key}=range(1,4)"
    )
