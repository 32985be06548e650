"""Ends a trial of a search that promises less than the others, by Optuna's pruners."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
from optuna.pruners import MedianPruner, SuccessiveHalvingPruner
from optuna.samplers import RandomSampler
from optuna.trial import TrialState

from nst.errors import Pruned
from nst.sweeps.database import ASKED, NAME, PRUNER, quietly, writable

if TYPE_CHECKING:
    from nst.record import Record  # needs TensorFlow

PRUNERS = {"median": MedianPruner, "halving": SuccessiveHalvingPruner}
EVERY = 10  # percent of the steps between two looks, which measure the picture


def watching(
    folder: Path, number: int, steps: int, measure: Callable[[Record], Mapping[str, Any]]
) -> Callable[[Record], None]:
    """Returns what to call with every record of a trial; it raises Pruned for a hopeless one.

    Args:
        folder: Of the search.
        number: Of the trial.
        steps: Of the whole run.
        measure: Returns the metrics of the picture at a record.
    """
    study = optuna.load_study(study_name=NAME, storage=writable(folder), sampler=RandomSampler())
    name, trial = study.user_attrs[PRUNER], study.trials[number]
    if name is None or trial.state != TrialState.RUNNING:
        return lambda record: None
    study.pruner, reported = PRUNERS[name](), optuna.trial.Trial(study, trial._trial_id)
    metric = study.user_attrs[ASKED]["metrics"][0].split()[0]
    looks = {percent * steps // 100: percent for percent in range(EVERY, 100, EVERY)}

    def look(record: Record) -> None:
        if record.step not in looks or record.last:
            return
        known = vars(record)  # total, seconds, evaluations
        value = known[metric] if metric in known else measure(record)[metric]
        with quietly():  # a resumed trial reports some values again
            reported.report(value, looks[record.step])
        if reported.should_prune():
            raise Pruned(
                f"{metric} {value:.4g} after {record.step} of {steps} steps promises less than "
                f"the other trials (search.pruner={name}); resume= makes the other steps"
            )

    return look
