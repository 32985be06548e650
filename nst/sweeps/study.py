"""The study of a search: trials asked of Optuna and recorded in a file. Needs Optuna."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import optuna
from omegaconf import DictConfig
from optuna.samplers import BaseSampler, GridSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from nst.errors import InputError
from nst.runs.folder import RunFolder
from nst.sweeps.claims import claims
from nst.sweeps.database import ASKED, NAME, PRUNER, quietly, reading, writable
from nst.sweeps.objectives import directions
from nst.sweeps.space import STUDY, Dimension, grid_of, overrides_of

GENERATION = 10  # trials per generation of NSGA-II


@dataclass(frozen=True)
class Trial:
    """One choice of settings; its number is that of the job."""

    number: int
    overrides: Sequence[str]


class Study:
    """The trials of a search, those of stopped commands included.

    Args:
        folder: Of the sweep.
        search: The node ``search`` of the configuration.
        fixed: Overrides of all trials.
        space: The settings to search.

    Raises:
        InputError: The folder's study is damaged, or searches something else.
    """

    def __init__(
        self, folder: Path, search: DictConfig, fixed: Sequence[str], space: Sequence[Dimension]
    ) -> None:
        self._search, self._space = search, space
        self._folder, self._claims = folder, claims(folder.absolute())
        with self._claims.choosing():  # else two processes create the same tables
            self._study = optuna.create_study(
                storage=writable(folder),
                study_name=NAME,
                directions=directions(search),
                load_if_exists=True,
            )
            with quietly():
                self._study.set_metric_names(list(search.metrics))
            self._study.set_user_attr(ASKED, _asked(search, fixed, space))
            self._study.set_user_attr(PRUNER, search.pruner)

    def stopped(self) -> list[Trial]:
        """Lists the trials that were begun and not ended, and that no process works on."""
        with self._claims.choosing():
            left = {trial.number for trial in self._begun() if self._take(trial.number)}
            # Anew: a process may have ended a trial, and itself, after it was found.
            begun = [trial for trial in self._begun() if trial.number in left]
        keys = {dimension.key for dimension in self._space}
        for trial in begun:
            if set(trial.params) != keys:  # killed while it chose: there is no job yet
                self._study.tell(trial.number, state=TrialState.FAIL)
        return [
            Trial(trial.number, overrides_of(self._space, trial.params))
            for trial in begun
            if set(trial.params) == keys
        ]

    def ask(self, count: int) -> list[Trial]:
        """Chooses the settings of further trials, at most ``n_trials`` in all.

        They are numbered in a row, also where other processes choose at the same time.
        """
        chosen: list[Trial] = []
        with self._claims.choosing():
            while len(chosen) < count and len(self._study.trials) < self._most():
                # Seeded by its number: a continued search chooses as an uninterrupted one.
                self._study.sampler = self._sampler(len(self._study.trials))
                trial = self._study.ask()
                self._claims.take(trial.number)
                for dimension in self._space:
                    dimension.suggest(trial)
                chosen.append(Trial(trial.number, overrides_of(self._space, trial.params)))
        return chosen

    def tell(self, trial: Trial, status: str | None, metrics: Mapping[str, Any]) -> None:
        """Records how a trial ended; one that was interrupted stays to be continued."""
        self._study.sampler = RandomSampler()  # a grid's, told its last cell, would raise
        values = [metrics.get(name) for name in self._search.metrics]
        if status == "completed" and all(map(_finite, values)):
            self._study.tell(trial.number, values)
        elif status != "interrupted":
            state = TrialState.PRUNED if status == "pruned" else TrialState.FAIL
            self._study.tell(trial.number, state=state)

    def best(self) -> list[int]:
        """Numbers of the trials that no other beats."""
        return sorted(trial.number for trial in self._study.best_trials)

    def _begun(self) -> Sequence[FrozenTrial]:
        running: Sequence[FrozenTrial] = self._study.get_trials(
            deepcopy=False, states=(TrialState.RUNNING,)
        )
        return running

    def _take(self, number: int) -> bool:
        """Claims a trial, unless another process has it or its job outlived a killed command."""
        jobs = map(RunFolder, self._folder.glob(f"{number}_*"))
        return self._claims.take(number) and not any(job.busy() for job in jobs)

    def _most(self) -> int:
        """Number of trials in all; a grid has no more than its cells."""
        if self._search.sampler != "grid":
            return int(self._search.n_trials)
        return min(int(self._search.n_trials), math.prod(map(len, grid_of(self._space).values())))

    def _sampler(self, number: int) -> BaseSampler:
        seed = (self._search.seed + number) % 2**32
        with quietly():
            match self._search.sampler:
                case "tpe":
                    return TPESampler(seed=seed, constant_liar=True)
                case "nsga2":
                    return NSGAIISampler(seed=seed, population_size=GENERATION)
                case "random":
                    return RandomSampler(seed=seed)
                case _:  # its seed orders the grid, and so must stay
                    return GridSampler(grid_of(self._space), seed=self._search.seed)


def check_study(
    folder: Path, search: DictConfig, fixed: Sequence[str], space: Sequence[Dimension]
) -> None:
    """Checks that a folder has no study, or one of the same search; leaves the study as it is.

    Raises:
        InputError: It has another, or a damaged one; or the space has no grid.
    """
    if search.sampler == "grid":
        grid_of(space)
    if not (folder / STUDY).is_file():
        return
    asked = _asked(search, fixed, space)
    with claims(folder.absolute()).choosing(), reading(folder) as study:
        before: Mapping[str, Any] = dict(study.user_attrs.get(ASKED) or {})
    if before not in ({}, asked):
        changed = ", ".join(key for key in asked if before.get(key) != asked[key])
        raise InputError(
            f"hydra.sweep.dir: {folder} holds a search with other {changed}; "
            f"repeat its command as it was, or search in another folder"
        )


def _asked(
    search: DictConfig, fixed: Sequence[str], space: Sequence[Dimension]
) -> dict[str, list[str]]:
    """Describes a search, in JSON's types, to recognise it again."""
    return {
        "metrics": [f"{m} {d}" for m, d in zip(search.metrics, directions(search), strict=True)],
        "ranges": sorted(json.dumps(asdict(dimension)) for dimension in space),
        "settings": sorted(fixed),
    }


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
