"""A sweep: many jobs from one command, each in its own folder. Free of TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from hydra.core.override_parser.types import OverrideType
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from nst.config import compose, groups, without_hydra
from nst.config.mixing import mixed
from nst.config.overrides import drawn, multiplied, parse, path_of
from nst.errors import InputError
from nst.runs.folder import RunFolder
from nst.runs.lock import locked
from nst.sweeps.pictures import expanded


@dataclass(frozen=True)
class Job:
    """One job of a sweep.

    Attributes:
        overrides: Its own overrides and those of all jobs.
        folder: Its run folder.
        config: The composed configuration.
    """

    overrides: Sequence[str]
    folder: RunFolder
    config: DictConfig


@dataclass(frozen=True)
class Sweep:
    """The jobs of a command.

    Attributes:
        folder: The parent of the run folders.
        jobs: The jobs, by number.
        overrides: The overrides from which Hydra's sweeper makes exactly these jobs.
        listed: Keys whose values are the pictures of a folder or pattern.
    """

    folder: Path
    jobs: Sequence[Job]
    overrides: Sequence[str]
    listed: frozenset[str]

    @property
    def size(self) -> int:
        """Number of jobs in all."""
        return len(self.jobs)

    def locked(self) -> AbstractContextManager[None]:
        """Locks the folder against other processes.

        Raises:
            InputError: Another one is using it.
        """
        return locked(self.folder)

    def busy(self) -> bool:
        """Returns whether any process, including this one, is running one of the jobs."""
        return any(folder.busy() for folder in self.folders())

    def folders(self) -> list[RunFolder]:
        """Lists the folders of the jobs that run, by number."""
        return [job.folder for job in self.jobs]

    def finished(self, states: Sequence[str]) -> bool:
        """Returns whether nothing is left to continue, given the states of the jobs."""
        return set(states) == {"completed"}


def is_sweep(composed: DictConfig, multirun: bool) -> bool:
    """Returns whether ``-m`` or an experiment asks for several jobs."""
    return multirun or composed.hydra.mode == RunMode.MULTIRUN


def of_all_jobs(overrides: Sequence[str]) -> list[str]:
    """Returns the overrides that compose whatever options a job has of the swept groups."""
    parsed = parse(overrides)
    swept = {o.key_or_group for o in parsed if o.is_sweep_override()} & set(groups())
    return [
        str(o.input_line)
        for o in parsed
        if not o.is_sweep_override() and not (swept and _may_depend(o.key_or_group, swept))
    ]


def plan_sweep(composed: DictConfig, overrides: Sequence[str]) -> Sweep:
    """Lists the jobs of a sweep, with the folders that Hydra will use.

    Args:
        composed: The configuration composed from :func:`of_all_jobs`, with its node ``hydra``.
        overrides: The overrides of the command line; they win over those of an experiment.

    Raises:
        HydraException: A job does not compose.
        InputError: A job sets its own launcher or sweeper, or a folder holds no picture.
    """
    values, listed = expanded(drawn(with_params(composed, overrides)))
    jobs = multiplied(values)
    naming = f"hydra.job.config.override_dirname.exclude_keys={_constant_keys(jobs, listed)}"
    folder = path_of("hydra.sweep.dir", composed.hydra.sweep.dir)
    planned = [job(composed, folder, n, [*each, naming]) for n, each in enumerate(jobs)]
    _check_apart(planned)
    return Sweep(folder, planned, [*(forced(o, composed) for o in values), naming], listed)


def with_params(composed: DictConfig, overrides: Sequence[str]) -> list[str]:
    """Puts the sweep of an experiment before the overrides of the command line, which win."""
    params = [f"{key}={value}" for key, value in (composed.hydra.sweeper.params or {}).items()]
    return mixed([*params, *overrides])


def _may_depend(key: str, swept: set[str]) -> bool:
    """Returns whether a key may exist only with some options of the swept groups."""
    if key in groups() or key.startswith("hydra"):
        return False
    return "experiment" in swept or key.partition(".")[0] in swept


def forced(override: str, composed: DictConfig) -> str:
    """Adds ``++`` to a key that only jobs have: Hydra first composes without a job."""
    (parsed,) = parse([override])
    key, change = parsed.key_or_group, parsed.type == OverrideType.CHANGE
    parent, _, last = key.rpartition(".")
    known = last in (OmegaConf.select(composed, parent) or () if parent else composed)
    if known or not change or parsed.is_sweep_override() or not _may_depend(key, {"experiment"}):
        return override
    return f"++{override}"


def _check_apart(jobs: Sequence[Job]) -> None:
    paths: set[Path] = set()
    for job in jobs:
        if job.folder.path in paths:
            raise InputError(
                f"hydra.sweep.subdir: two jobs have the folder {job.folder.path.name}; "
                f"'hydra.sweep.subdir=${{hydra.job.num}}' tells them apart"
            )
        paths.add(job.folder.path)


def _constant_keys(jobs: Sequence[Sequence[str]], listed: frozenset[str]) -> list[str]:
    """Returns the keys that do not tell jobs apart; a picture of a folder always names its job."""
    values: dict[str, set[str]] = {}
    for job in jobs:
        for override in job:
            key, _, value = override.partition("=")
            values.setdefault(key.lstrip("+~"), set()).add(value)
    return [key for key, distinct in values.items() if len(distinct) == 1 and key not in listed]


def job(composed: DictConfig, folder: Path, number: int, overrides: Sequence[str]) -> Job:
    """Composes a job of a sweep.

    Raises:
        HydraException: It does not compose.
        InputError: It sets its own launcher or sweeper, or is to run outside of the sweep.
    """
    config = compose([*overrides, f"hydra.job.num={number}"], hydra=True)
    below = Path(str(config.hydra.sweep.subdir))
    if below.is_absolute() or ".." in below.parts or not below.parts:
        raise InputError(
            f"hydra.sweep.subdir={below}: each job has a folder of its own in that of the sweep; "
            f"hydra.sweep.dir is where the sweep writes"
        )
    path = folder / below
    for node in ("launcher", "sweeper"):
        # As written: submitit's folder is in the sweep's, which is named after the present moment.
        own, common = map(OmegaConf.to_container, (config.hydra[node], composed.hydra[node]))
        if own != common:
            raise InputError(
                f"{path.name} sets its own {node}, but a sweep has only one: "
                f"set it for the whole command, not among the swept values"
            )
    return Job(overrides[:-1], RunFolder(path), without_hydra(config))
