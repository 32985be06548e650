"""What a search found, read from its study. Needs Optuna."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

import optuna
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState

from nst.metrics.table import ABSURD
from nst.sweeps.database import ASKED, quietly, reading
from nst.sweeps.objectives import DIRECTIONS

ENOUGH = 10  # trials from which importances are computed


@dataclass(frozen=True)
class Finding:
    """A completed trial: its number, what was chosen, and its value of each metric."""

    number: int
    chosen: Mapping[str, Any]
    values: Sequence[float]


@dataclass(frozen=True)
class Findings:
    """The completed trials of a search.

    Attributes:
        metrics: The metrics; True where more is better.
        keys: The settings that were searched; True where on a logarithmic scale.
        trials: By number.
        importances: For each metric the settings by the share of them in whether a trial is among
            its best, by PED-ANOVA (Watanabe, Bansal and Hutter 2023); empty after few trials.
    """

    metrics: Mapping[str, bool]
    keys: Mapping[str, bool]
    trials: Sequence[Finding]
    importances: Mapping[str, Mapping[str, float]]


def findings(folder: Path) -> Findings | None:
    """Reads the study in the folder of a sweep; None without a completed trial.

    Raises:
        InputError: It is damaged.
    """
    with reading(folder) as study:
        done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return _found(study, done) if done else None


def _found(study: optuna.Study, done: Sequence[FrozenTrial]) -> Findings:
    metrics = {
        name: direction == "maximize"
        for name, direction in map(str.split, study.user_attrs[ASKED]["metrics"])
    }
    keys = {key: getattr(d, "log", False) for key, d in done[0].distributions.items()}
    for trial in done:
        _check(trial, metrics, keys)
    return Findings(
        metrics,
        keys,
        [Finding(trial.number, trial.params, trial.values) for trial in done],
        {
            name: _importances(study, index, more)
            for index, (name, more) in enumerate(metrics.items())
            if len(done) >= ENOUGH
        },
    )


def _check(trial: FrozenTrial, metrics: Mapping[str, bool], keys: Mapping[str, bool]) -> None:
    """Raises a ValueError for a trial that no search of ours has recorded."""
    if set(metrics) - set(DIRECTIONS) or len(trial.values) != len(metrics):
        raise ValueError(f"trial {trial.number} has other metrics than a search")
    if set(trial.params) != set(keys):
        raise ValueError(f"trial {trial.number} has other settings than the first")
    for value in trial.values:
        if not abs(value) < ABSURD:
            raise ValueError(f"trial {trial.number} measured {value}")
    for key, value in trial.params.items():
        if not isinstance(value, str | int | float) or (keys[key] and not 0 < float(value) < inf):
            raise ValueError(f"trial {trial.number} chose {key}={value}")


def _importances(study: optuna.Study, index: int, more: bool) -> dict[str, float]:
    sign = -1 if more else 1  # the evaluator takes low values for the best
    with quietly():
        found = get_param_importances(
            study,
            evaluator=PedAnovaImportanceEvaluator(),
            target=lambda trial: sign * trial.values[index],
        )
    return dict(found)
