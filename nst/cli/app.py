"""``python -m nst.run [overrides]``: composes, checks, runs, and says how it went.

No class that a configuration names lives here: run as a script, this file is imported twice.
"""

from __future__ import annotations

import argparse
import logging
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from nst.cli.messages import USER_ERRORS, explain
from nst.cli.signals import commanding, in_worker, working
from nst.config.composition import CONF_DIR, compose, quoted, with_path_quoted, without_hydra
from nst.config.validation import check
from nst.errors import InputError, nearest
from nst.runs.folder import STATUS, RunFolder
from nst.runs.identity import identity
from nst.runs.replay import effective
from nst.sources import Inputs, gather, resolved
from nst.sweeps.plan import Job, is_sweep, plan_sweep, report

log = logging.getLogger(__name__)

COMPLETED, FAILED, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130


@hydra.main(config_path=str(CONF_DIR), config_name="config", version_base="1.3")
def task(config: DictConfig) -> float:
    """Runs one job. In a sweep one that fails is recorded, and the others go on.

    Returns:
        The sum of both evaluation distances, for sweepers that optimise; NaN for a failed job.
    """
    context = HydraConfig.get()
    folder = RunFolder(Path(context.runtime.output_dir))
    sweeping = context.mode == RunMode.MULTIRUN
    try:
        with folder.locked(), folder.telling(), working():
            metrics = _metrics(effective(config, context.overrides.task), folder, sweeping)
    except (Exception, KeyboardInterrupt) as error:
        if not sweeping:
            sys.exit(_say(error))  # were it raised, Hydra would put a line of its own before ours
        if isinstance(error, KeyboardInterrupt):
            if in_worker():  # the command has been told as well, or goes on without this job
                return math.nan
            raise
        log.exception("this job failed, the sweep goes on: %s", error)
        return math.nan
    log.info("%s  (%.0f s)", _shown(folder.result), metrics["seconds"])
    if not sweeping:
        log.info("Compare: python -m nst.tensorboard%s", _beside(folder.path))
    return float(metrics["content_distance"] + metrics["style_distance"])


def _metrics(config: DictConfig, folder: RunFolder, sweeping: bool) -> dict[str, Any]:
    if sweeping and (metrics := _completed_before(folder, config, gather(config))):
        log.info("completed before, so it is not run again")
        return metrics
    from nst.runtime import import_tensorflow

    import_tensorflow()
    from nst.transfer import transfer

    return transfer(config, folder.path).metrics


def _completed_before(folder: RunFolder, config: DictConfig, inputs: Inputs) -> dict[str, Any]:
    """Finds the metrics of the same job; empty where it has not come to its end.

    Raises:
        InputError: The folder holds another run, or a damaged one.
    """
    config = resolved(config, inputs)
    folder.check(identity(config, inputs), config)
    return folder.metrics if folder.status.get("status") == "completed" else {}


def main() -> None:
    """Entry of the command line; exits with 0, 1 (failed), 2 (wrong input) or 130 (interrupted)."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Runs a command line and returns its exit status."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors reach us as they are
    try:
        parsed = _parsed(arguments)
        if parsed.help:
            from nst.cli.help import page

            print(page())
            return COMPLETED
        if parsed.cfg or parsed.info or parsed.hydra_help or parsed.shell_completion:
            options = [argument for argument in arguments if argument not in parsed.overrides]
            sys.argv[1:] = [*options, *parsed.overrides]
            task()
            return COMPLETED
        overrides = [with_path_quoted(override) for override in parsed.overrides]
        if parsed.config_dir:
            overrides.append(f"hydra.searchpath=['file://{Path(parsed.config_dir).absolute()}']")
        return _run_jobs(overrides, parsed.multirun)
    except SystemExit as end:
        return int(end.code or COMPLETED)
    except (Exception, KeyboardInterrupt) as error:
        return _say(error)


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """Takes options and overrides in any order, and answers a wrong option in a line."""
    parser: argparse.ArgumentParser = get_args_parser()
    parser.exit_on_error = False
    try:
        parsed, unknown = parser.parse_known_intermixed_args(list(arguments))
    except argparse.ArgumentError as error:
        raise InputError(f"{error} (--help shows how)") from error
    if unknown:
        valid = ("--help", "--multirun", "--cfg", "--package", "--resolve", "--config-dir")
        raise InputError(f"{unknown[0]}: there is no such option.{nearest(unknown[0], valid)}")
    if parsed.config_path or parsed.config_name or parsed.experimental_rerun:
        raise InputError(
            "--config-path, --config-name and --experimental-rerun go past the checks: "
            "replay=RUN_FOLDER repeats a run, --config-dir=FOLDER adds options of your own"
        )
    return parsed


def _say(error: BaseException) -> int:
    """Says in one line on the terminal what went wrong, and returns the exit status."""
    if isinstance(error, USER_ERRORS):
        status, text = WRONG_INPUT, explain(error)
    elif isinstance(error, KeyboardInterrupt):
        status, text = INTERRUPTED, "interrupted; the picture so far is in the run folder"
    else:
        log.error("the run failed; its run.log says where", exc_info=error)
        status, text = FAILED, f"the run failed: {' '.join(str(error).split())}"
    print(f"nst: {text}", file=sys.stderr)
    return status


def _run_jobs(overrides: list[str], multirun: bool) -> int:
    """Checks every job, images and weights included, before the first one starts; then runs them."""
    parsed = OverridesParser.create().parse_overrides(overrides)
    plain = [o.input_line for o in parsed if not o.is_sweep_override()]
    composed = compose(plain if multirun else overrides, hydra=True)
    if is_sweep(composed, multirun):
        return _run_sweep(composed, overrides)
    sys.argv[1:] = [*overrides, *_checked_run(composed, overrides)]
    with commanding(busy=lambda: False):
        task()
    return COMPLETED


def _run_sweep(composed: DictConfig, overrides: list[str]) -> int:
    sweep = plan_sweep(composed, overrides)
    _check_folder("hydra.sweep.dir", sweep.folder)
    _check_free(RunFolder(sweep.folder))
    for job in sweep.jobs:
        _check_job(job)
    sweep.folder.mkdir(parents=True, exist_ok=True)
    with RunFolder(sweep.folder).locked():
        sys.argv[1:] = ["-m", *overrides, f"hydra.sweep.dir={quoted(sweep.folder)}", sweep.naming]
        try:
            with commanding(sweep.busy):
                task()
        finally:
            states = report(sweep)
    return COMPLETED if set(states) == {"completed"} else FAILED


def _check_job(job: Job) -> None:
    """Checks a job of a sweep, and that what may be in its folder is the same job."""
    config, inputs = _checked(job.config, job.overrides)
    _check_free(job.folder)
    _completed_before(job.folder, config, inputs)


def _check_free(folder: RunFolder) -> None:
    if folder.busy():
        raise InputError(f"another process is at work in {folder.path}")


def _checked_run(composed: DictConfig, overrides: list[str]) -> list[str]:
    """Checks a single run.

    Returns:
        What a resumed or replayed run adds to the overrides.
    """
    folder = Path(composed.hydra.run.dir)
    config, _ = _checked(without_hydra(composed), overrides)
    if composed.resume is not None:  # in the same folder, its .hydra left as it is
        folder = Path(composed.resume).expanduser().absolute()
        return [f"hydra.run.dir={quoted(folder)}", "hydra.output_subdir=null"]
    _check_folder("hydra.run.dir", folder)
    if (folder / STATUS).exists():
        raise InputError(
            f"hydra.run.dir: {folder} holds a run already; resume={folder} goes on with it, "
            f"another folder starts anew"
        )
    if composed.replay is not None:  # so that the folder is named after its images
        images = {key: OmegaConf.select(config, key) for key in ("content.image", "style.image")}
        return [f"{key}={quoted(image)}" for key, image in images.items()]
    return []


def _checked(composed: DictConfig, overrides: Sequence[str]) -> tuple[DictConfig, Inputs]:
    config = effective(composed, overrides)
    check(config)
    return config, gather(config)


def _check_folder(key: str, folder: Path) -> None:
    """Finds out before the work whether a folder can be made."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not (existing.is_dir() and os.access(existing, os.W_OK)):
        raise InputError(f"{key}: {folder} cannot be made: {existing} is no folder to write into")


def _beside(folder: Path) -> str:
    """Names the folder that shows a run among others; nothing for ``outputs``, the default."""
    return "" if Path("outputs").absolute() in folder.parents else f" {_shown(folder.parent)}"


def _shown(path: Path) -> str:
    """Shortens a path to one that can be typed from here."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


if __name__ == "__main__":
    main()
