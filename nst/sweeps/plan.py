"""A sweep: many jobs from one command, each in a folder of its own. Free of TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import DictConfig

from nst.config.composition import compose, quoted, without_hydra
from nst.errors import InputError
from nst.runs.folder import RunFolder


@dataclass(frozen=True)
class Job:
    """One job of a sweep.

    Attributes:
        overrides: What is told to it alone, and what all are told.
        folder: Where it runs.
        config: As composed.
    """

    overrides: Sequence[str]
    folder: RunFolder
    config: DictConfig


@dataclass(frozen=True)
class Sweep:
    """The jobs of a command line.

    Attributes:
        folder: Holds a folder for each job.
        jobs: In the order of their numbers.
        naming: An override that leaves out of the folders' names what is the same in all jobs.
    """

    folder: Path
    jobs: Sequence[Job]
    naming: str

    def busy(self) -> bool:
        """Tells whether any process, this one included, is at work on one of the jobs."""
        return any(job.folder.busy() for job in self.jobs)


def is_sweep(composed: DictConfig, multirun: bool) -> bool:
    """Tells whether ``-m`` or an experiment asks for several jobs."""
    return multirun or composed.hydra.mode == RunMode.MULTIRUN


def plan_sweep(composed: DictConfig, overrides: Sequence[str]) -> Sweep:
    """Lists the jobs of a sweep as Hydra's sweeper is going to, in the folders that it will name.

    Args:
        composed: The configuration with its node ``hydra``, sweep values left out.
        overrides: Of the command line; they win over those of an experiment.

    Raises:
        HydraException: A job does not compose.
    """
    params = [f"{key}={value}" for key, value in (composed.hydra.sweeper.params or {}).items()]
    parsed = OverridesParser.create().parse_overrides([*params, *overrides])
    jobs = BasicSweeper.split_arguments(parsed, None)[0]
    naming = f"hydra.job.config.override_dirname.exclude_keys={_constant_keys(jobs)}"
    folder = Path(composed.hydra.sweep.dir)
    return Sweep(folder, [_job(folder, n, job, naming) for n, job in enumerate(jobs)], naming)


def _constant_keys(jobs: Sequence[Sequence[str]]) -> list[str]:
    values: dict[str, set[str]] = {}
    for job in jobs:
        for override in job:
            key, _, value = override.partition("=")
            values.setdefault(key, set()).add(value)
    return [key for key, found in values.items() if len(found) == 1]


def _job(folder: Path, number: int, overrides: Sequence[str], naming: str) -> Job:
    config = compose([*overrides, naming, f"hydra.job.num={number}"], hydra=True)
    path = folder / str(config.hydra.sweep.subdir)
    return Job(overrides, RunFolder(path), without_hydra(config))


def report(sweep: Sweep) -> list[str]:
    """Shows how every job of a sweep ended, and writes the comparison of those that started.

    Returns:
        The state of each job: completed, interrupted, failed, or not run.
    """
    if any(job.folder.path.is_dir() for job in sweep.jobs):
        _compare(sweep.folder)
    states = [_state(job.folder) for job in sweep.jobs]
    for job, state in zip(sweep.jobs, states, strict=True):
        if state == "not run":
            print(f"not run: {job.folder.path.name}")
    if set(states) != {"completed"}:
        print(f"To go on: the same command with hydra.sweep.dir={quoted(sweep.folder)}")
    return states


def _compare(folder: Path) -> None:
    from nst.compare.cli import main  # not above: it draws, and --help need not wait

    try:
        main([str(folder)])
    except Exception as error:  # the jobs have ended as they have, whatever becomes of their report
        print(f"nst: the comparison failed: {error} (python -m nst.compare '{folder}' shows where)")


def _state(folder: RunFolder) -> str:
    try:
        return str(folder.status.get("status", "not run"))
    except InputError:  # damaged: the comparison says so
        return "failed"
