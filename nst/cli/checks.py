"""Checks before any work begins, including images, weights and folders."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from nst.cli.job import completed_before, import_libraries
from nst.config import check, without_hydra
from nst.config.overrides import path_of
from nst.errors import InputError
from nst.runs.folder import CONFIG, STATUS, RunFolder
from nst.runs.replay import effective
from nst.sources import Inputs, PictureError, gather, resolved
from nst.sources.weight_files import changed_weights
from nst.sweeps.plan import Job, Sweep
from nst.sweeps.search import Search

log = logging.getLogger(__name__)


def check_run(composed: DictConfig, overrides: Sequence[str]) -> RunFolder:
    """Checks a single run.

    Returns:
        The folder in which it runs.
    """
    named = composed.copy()
    config, inputs, complete = _checked(without_hydra(composed), overrides)
    if composed.resume is not None:
        _check_weights(composed.resume, config, inputs)
        _check_parts([complete])
        return RunFolder(path_of("resume", composed.resume).absolute())
    for key in ("content.image", "style.image"):  # a replay's folder too is named after its images
        OmegaConf.update(named, key, OmegaConf.select(config, key))
    folder = path_of("hydra.run.dir", named.hydra.run.dir)
    _check_folder("hydra.run.dir", folder)
    check_unused(RunFolder(folder))
    _check_parts([complete])
    return RunFolder(folder)


def _check_weights(run: str, config: DictConfig, inputs: Inputs) -> None:
    if (change := changed_weights(inputs.network, config.network.sha256)) is not None:
        raise InputError(
            f"resume: {change}: a run goes on with the weights that it began with; "
            f"replay={run} repeats it with these"
        )


def check_unused(folder: RunFolder) -> None:
    """Finds out whether a new run may have a folder.

    Raises:
        InputError: There is a run in it.
    """
    if (folder.path / STATUS).exists() and (folder.path / CONFIG).exists():  # else it never began
        raise InputError(
            f"hydra.run.dir: {folder.path} already holds a run; resume={folder.path} resumes it, "
            f"another folder starts a new one"
        )


def check_sweep(sweep: Sweep) -> None:
    """Checks every job, and that its folder is new or holds the same job.

    A damaged picture of a folder is the matter of its own job, which fails.
    """
    _check_folder("hydra.sweep.dir", sweep.folder)
    _check_free(RunFolder(sweep.folder))
    checked = []
    for job in sweep.jobs:
        _check_free(job.folder)
        try:
            config, inputs, complete = _checked_job(job)
        except PictureError as error:
            if error.key not in sweep.listed:
                raise
            log.warning("%s; its job will fail, the others run", error)
            continue
        if not completed_before(job.folder, config, inputs):
            checked.append(complete)
    _check_threads(checked)
    _check_parts(checked)


def check_search(search: Search) -> None:
    """Checks every value that a search may choose, and that its folder is new or its own."""
    from nst.sweeps.study import check_study  # needs Optuna

    _check_folder("hydra.sweep.dir", search.folder)
    if search.folder.is_dir():
        with search.locked():
            pass  # not while a sweep has it
    checked = [_checked_job(job)[-1] for job in search.jobs]
    check_study(search.folder, search.settings, search.fixed, search.space)
    _check_threads(checked)
    _check_parts(checked)


def _checked_job(job: Job) -> tuple[DictConfig, Inputs, DictConfig]:
    if job.config.resume is not None:  # it would start over, in a folder of the sweep
        raise InputError(f"resume={job.config.resume}: a run is continued by itself, without -m")
    return _checked(job.config, job.overrides)


def _checked(
    composed: DictConfig, overrides: Sequence[str]
) -> tuple[DictConfig, Inputs, DictConfig]:
    """Returns the configuration that is meant, its inputs, and itself with all choices made."""
    config = effective(composed, overrides)
    check(config)
    inputs = gather(config)
    # Sizes that depend on the images may be out of range.
    return config, inputs, resolved(config, inputs)


def _check_threads(configs: Sequence[DictConfig]) -> None:
    if len({config.runtime.threads for config in configs}) > 1:
        raise InputError(
            "runtime.threads: TensorFlow takes it once per process, which jobs of a sweep share: "
            "give one value, and a command for each other one"
        )


def _check_parts(configs: Sequence[DictConfig]) -> None:
    """Builds the parts of jobs to check them: last, since it takes TensorFlow."""
    if not configs:
        return
    import_libraries()
    from nst import parts
    from nst.studio import check_terms, terms_of

    for config in configs:
        check_terms(config, terms_of(config.loss)[0])
        parts.optimizer(config.optimizer)
        parts.observers(config.observer)


def _check_free(folder: RunFolder) -> None:
    if folder.busy():
        raise InputError(f"another process is using {folder.path}")


def created(key: str, folder: Path) -> None:
    """Creates a folder.

    Raises:
        InputError: It cannot be, whatever its permissions say: the disk is full, or read only.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{key}: {folder} cannot be created: {error.strerror}") from error


def _check_folder(key: str, folder: Path) -> None:
    """Checks before any work that a folder can be created."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not (existing.is_dir() and os.access(existing, os.W_OK)):
        raise InputError(f"{key}: {folder} cannot be created: {existing} is not a writable folder")
