"""A sweep: many jobs from one command, each in a folder of its own. Free of TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import DictConfig

from nst.runs import RunFolder


@dataclass(frozen=True)
class Sweep:
    """The jobs of a command line.

    Attributes:
        folder: Holds a folder for each job.
        jobs: The overrides of each job.
    """

    folder: Path
    jobs: Sequence[Sequence[str]]

    @property
    def constant_keys(self) -> list[str]:
        """Lists the keys that have the same value in every job."""
        values: dict[str, set[str]] = {}
        for job in self.jobs:
            for override in job:
                key, _, value = override.partition("=")
                values.setdefault(key, set()).add(value)
        return [key for key, found in values.items() if len(found) == 1]

    def run_folders(self) -> list[RunFolder | None]:
        """Finds the folder of each job by its number; None for one that never started."""
        found = {path.name.split("_")[0]: path for path in self.folder.glob("[0-9]*_*")}
        paths = [found.get(str(number)) for number in range(len(self.jobs))]
        return [None if path is None else RunFolder(path) for path in paths]


def is_sweep(composed: DictConfig, multirun: bool) -> bool:
    """Tells whether ``-m`` or an experiment asks for several jobs."""
    return multirun or composed.hydra.mode == RunMode.MULTIRUN


def plan_sweep(composed: DictConfig, overrides: Sequence[str]) -> Sweep:
    """Lists the jobs of a sweep as Hydra's sweeper is going to.

    Args:
        composed: The configuration with its node ``hydra``, sweep values left out.
        overrides: Of the command line; they win over those of an experiment.
    """
    params = [f"{key}={value}" for key, value in (composed.hydra.sweeper.params or {}).items()]
    parsed = OverridesParser.create().parse_overrides([*params, *overrides])
    return Sweep(Path(composed.hydra.sweep.dir), BasicSweeper.split_arguments(parsed, None)[0])


def report(sweep: Sweep) -> list[str]:
    """Shows how every job of a sweep ended, and writes the comparison of those that started.

    Returns:
        The state of each job: completed, interrupted, failed, or not run.
    """
    from nst.compare.__main__ import (
        main as compare,
    )  # not above: it draws, and --help need not wait

    folders = sweep.run_folders()
    if any(folders):
        compare([str(sweep.folder)])
    states = [str(f.status.get("status", "not run")) if f else "not run" for f in folders]
    for job, state in zip(sweep.jobs, states, strict=True):
        if state == "not run":
            print(f"not run: {' '.join(o for o in job if not o.startswith('hydra.'))}")
    return states
