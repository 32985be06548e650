"""Checks before any work begins, including images, weights and folders."""

from __future__ import annotations

import os
from collections.abc import Sequence
from os.path import expanduser
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from nst.cli.job import completed_before
from nst.config import check, quoted, without_hydra
from nst.errors import InputError
from nst.runs.folder import STATUS, RunFolder
from nst.runs.replay import effective
from nst.sources import Inputs, gather, resolved
from nst.sweeps.plan import Sweep


def check_run(composed: DictConfig, overrides: Sequence[str]) -> list[str]:
    """Checks a single run.

    Returns:
        The overrides that a resumed or replayed run adds.
    """
    asked = str(composed.hydra.run.dir)
    folder = Path(expanduser(asked))
    config, _ = _checked(without_hydra(composed), overrides)
    if composed.resume is not None:  # in the same folder, keeping its .hydra
        folder = Path(expanduser(composed.resume)).absolute()
        return [f"hydra.run.dir={quoted(folder)}", "hydra.output_subdir=null"]
    _check_folder("hydra.run.dir", folder)
    if (folder / STATUS).exists():
        raise InputError(
            f"hydra.run.dir: {folder} already holds a run; resume={folder} resumes it, "
            f"another folder starts a new one"
        )
    more = {"hydra.run.dir": folder} if asked.startswith("~") else {}
    if composed.replay is not None:  # the folder is named after its images
        for key in ("content.image", "style.image"):
            more[key] = OmegaConf.select(config, key)
    return [f"{key}={quoted(value)}" for key, value in more.items()]


def check_sweep(sweep: Sweep) -> None:
    """Checks every job, and that its folder is new or holds the same job."""
    _check_folder("hydra.sweep.dir", sweep.folder)
    _check_free(RunFolder(sweep.folder))
    for job in sweep.jobs:
        config, inputs = _checked(job.config, job.overrides)
        _check_free(job.folder)
        completed_before(job.folder, config, inputs)


def _checked(composed: DictConfig, overrides: Sequence[str]) -> tuple[DictConfig, Inputs]:
    config = effective(composed, overrides)
    check(config)
    inputs = gather(config)
    resolved(config, inputs)  # sizes that depend on the images may be out of range
    return config, inputs


def _check_free(folder: RunFolder) -> None:
    if folder.busy():
        raise InputError(f"another process is using {folder.path}")


def _check_folder(key: str, folder: Path) -> None:
    """Checks before any work that a folder can be created."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not (existing.is_dir() and os.access(existing, os.W_OK)):
        raise InputError(f"{key}: {folder} cannot be created: {existing} is not a writable folder")
