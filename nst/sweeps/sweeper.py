"""Hydra's sweeper of a search: asks for trials, has the launcher run them, tells the results."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from nst.runs.folder import RunFolder
from nst.runtime import cores
from nst.sweeps.space import of_trials, split
from nst.sweeps.study import Study, Trial

log = logging.getLogger(__name__)

# Trials are ordinary jobs of a sweep; with the option search= goes the mode that it sets.
WITHOUT_SEARCH = ("~search", "hydra.mode=MULTIRUN")
PACKAGE, MODULE = "hydra_plugins", "hydra_plugins.nst"
NAME = f"{MODULE}.Searcher"  # in conf/hydra/sweeper/search.yaml


class Searcher(Sweeper):  # type: ignore[misc]  # Hydra has no types
    """Runs the trials of a study with any launcher.

    Args:
        params: Settings and their ranges, from an experiment.
    """

    def __init__(self, params: DictConfig | None) -> None:
        self._params = params

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Prepares the launcher."""
        # Worker processes get a copy of what Hydra knows, and could not import this class.
        Plugins.instance().class_name_to_class.pop(NAME)
        self.config = config
        self._launcher: Launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        """Runs trials until there are enough or the time is up."""
        folder, search = Path(self.config.hydra.sweep.dir), self.config.search
        folder.mkdir(parents=True, exist_ok=True)
        OmegaConf.save(self.config, folder / "multirun.yaml")
        fixed, space = split(arguments)
        fixed = of_trials(fixed)
        study = Study(folder, search, fixed, space)
        for trials in self._batches(study):
            jobs = [[*fixed, *trial.overrides, *WITHOUT_SEARCH] for trial in trials]
            for trial, result in zip(trials, self._launch(jobs, trials[0].number), strict=True):
                run = RunFolder(Path(result.hydra_cfg.hydra.runtime.output_dir))
                study.tell(trial, run.status.get("status"), run.metrics)
        log.info("best: %s", ", ".join(map(str, study.best())) or "none")

    def _launch(self, jobs: Sequence[Sequence[str]], first: int) -> Sequence[JobReturn]:
        results: Sequence[JobReturn] = self._launcher.launch(jobs, initial_job_idx=first)
        for result in results:
            _ = result.return_value  # raises what the job has raised
        return results

    def _batches(self, study: Study) -> Iterator[list[Trial]]:
        """Yields trials to run together, numbered in a row; first those that were stopped."""
        search = self.config.search
        end = time.monotonic() + (search.timeout or float("inf"))
        at_once = search.batch or _workers(self.config.hydra.launcher)
        for trial in study.stopped():
            yield [trial]
        while time.monotonic() < end and (trials := study.ask(at_once)):
            yield trials


def _workers(launcher: DictConfig) -> int:
    """Returns how many jobs a launcher runs at once, as far as its configuration says."""
    count = launcher.get("n_jobs") or 1
    return cores() if count < 0 else count


def register() -> None:
    """Lets Hydra know the sweeper.

    Hydra builds plugins by names below the package ``hydra_plugins`` alone, which any package may
    extend by installing files there. The class is entered without a file.
    """
    plugins = Plugins.instance()  # imports that package, if anything is installed in it
    sys.modules.setdefault(PACKAGE, ModuleType(PACKAGE))
    module = sys.modules.setdefault(MODULE, ModuleType(MODULE))
    module.Searcher = Searcher  # type: ignore[attr-defined]
    plugins.class_name_to_class[NAME] = Searcher
