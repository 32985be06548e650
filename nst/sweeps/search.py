"""A search: a sweep whose jobs are chosen one after the other, by what the last ones gave."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from omegaconf import DictConfig

from nst.config import USER_ERRORS, explain
from nst.config.overrides import is_several, parse, path_of
from nst.config.validation import check_search
from nst.errors import InputError
from nst.runs.folder import STATUS, RunFolder
from nst.runs.lock import locked
from nst.sweeps.claims import claims
from nst.sweeps.objectives import check_objectives
from nst.sweeps.pictures import paths_in
from nst.sweeps.plan import Job, Sweep, forced, job, with_params
from nst.sweeps.space import Choice, Dimension, candidates, of_trials, split


@dataclass(frozen=True)
class Search(Sweep):
    """The search of a command; its jobs are not those that run, but have all extreme values.

    Attributes:
        settings: The node ``search`` of the configuration.
        fixed: Overrides of all trials.
        space: The settings to search.
    """

    settings: DictConfig
    fixed: Sequence[str]
    space: Sequence[Dimension]

    @property
    def size(self) -> int:
        """Number of trials, at most."""
        return int(self.settings.n_trials)

    def locked(self) -> AbstractContextManager[None]:
        """Locks the folder against sweeps; other processes may search in it as well."""
        return locked(self.folder, shared=True)

    def busy(self) -> bool:
        """Returns whether a trial that this process has begun is running."""
        own = claims(self.folder.absolute()).own
        return any(folder.busy() for number, folder in self._begun().items() if number in own)

    def folders(self) -> list[RunFolder]:
        """Lists the folders of the trials that have begun."""
        return [folder for _, folder in sorted(self._begun().items())]

    def finished(self, states: Sequence[str]) -> bool:
        """Returns whether nothing is left to continue: a trial that fails is a result too."""
        return "completed" in states and set(states) <= {"completed", "failed", "pruned", "running"}

    def _begun(self) -> dict[int, RunFolder]:
        found = {p.parent.name.split("_")[0]: p.parent for p in self.folder.glob(f"*_*/{STATUS}")}
        return {int(n): RunFolder(path) for n, path in found.items() if n.isdecimal()}


def plan_search(composed: DictConfig, overrides: Sequence[str]) -> Search:
    """Plans a search.

    Args:
        composed: As in :func:`nst.sweeps.plan.plan_sweep`.
        overrides: The overrides of the command line.

    Raises:
        HydraException: Some value does not compose.
        InputError: A setting of the search is wrong, or Optuna is missing.
    """
    if find_spec("optuna") is None:
        raise InputError("search= needs a package: pip install 'nst[search]'")
    check_search(composed)
    check_objectives(composed.search, composed.evaluation.network)
    given = with_params(composed, overrides)
    for override in parse(given):
        if any(map(is_several, paths_in(override))):
            key = override.key_or_group
            raise InputError(
                f"{key}: folders and patterns are for sweeps; in a search name each picture, "
                f"{key}=a.jpg,b.jpg"
            )
    fixed, space = split(given)
    _check_worth(composed.search, space)
    constant = [o.partition("=")[0].lstrip("+~") for o in fixed]
    unnamed = ",".join(["search", *constant])  # in the names of folders
    naming = f"hydra.job.config.override_dirname.exclude_keys=[{unnamed}]"
    folder = path_of("hydra.sweep.dir", composed.hydra.sweep.dir)
    jobs = [
        _candidate(composed, folder, number, [*fixed, *values, naming])
        for number, values in enumerate(candidates(space))
    ]
    for number, each in enumerate(jobs):
        path = each.folder.path
        if path.parent != folder or not path.name.startswith(f"{number}_"):
            raise InputError(
                "hydra.sweep.subdir: in a search each folder is named after its number and _: "
                "'hydra.sweep.subdir=${hydra.job.num}_NAME'"
            )
    asked = [*(forced(o, composed) for o in given), naming]
    return Search(folder, jobs, asked, frozenset(), composed.search, of_trials(fixed), space)


def _check_worth(settings: DictConfig, space: Sequence[Dimension]) -> None:
    """Checks that there are more combinations than trials: a sampler repeats what it likes."""
    if settings.sampler == "grid" or not all(isinstance(each, Choice) for each in space):
        return
    combinations = math.prod(len(each.extremes) for each in space)
    if combinations <= settings.n_trials:
        raise InputError(
            f"search: these lists have {combinations} combinations, and {settings.n_trials} trials "
            f"would repeat some; search.sampler=grid runs each once"
        )


def _candidate(composed: DictConfig, folder: Path, number: int, overrides: Sequence[str]) -> Job:
    try:
        return job(composed, folder, number, overrides)
    except USER_ERRORS as error:
        reason = explain(error)
        if "is not a whole number" in reason:
            reason = reason.partition(": write")[0] + "; write int(interval(…))"
        raise InputError(reason) from error
