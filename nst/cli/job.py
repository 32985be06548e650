"""One job as started by Hydra: a single run, or one job of a sweep, perhaps in a worker process."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from nst.cli.ending import say
from nst.cli.signals import in_worker, working
from nst.config import CONF_DIR, check, compose, without_hydra
from nst.config.names import listed
from nst.config.overrides import PATHS
from nst.errors import InputError, Pruned
from nst.runs.folder import RunFolder
from nst.runs.identity import identity
from nst.runs.replay import effective
from nst.runs.status import reporting
from nst.sources import Inputs, gather, resolved
from nst.sweeps.plan import is_sweep
from nst.sweeps.space import STUDY

if TYPE_CHECKING:
    from nst.record import Record  # needs TensorFlow

log = logging.getLogger(__name__)

PATIENCE = 1.0  # with a report that looks whether a folder is in use, s


@hydra.main(config_path=str(CONF_DIR), config_name="config", version_base="1.3")
def task(config: DictConfig) -> None:
    """Runs one job. In a sweep, a failed job is recorded and the others continue."""
    context = HydraConfig.get()
    here = Path(context.runtime.cwd)  # where the command was started; hydra.job.chdir may leave it
    folder = RunFolder(Path(context.runtime.output_dir))
    sweeping = context.mode == RunMode.MULTIRUN
    try:
        # The command holds the folder of a single run, from before Hydra writes into it.
        with folder.locked(PATIENCE) if sweeping else nullcontext(), reporting(folder), working():
            meant = _meant(config, here)
            if config.resume is not None and not sweeping:
                folder.lengthen(meant)
            searched = here / context.sweep.dir if sweeping else None
            metrics = _metrics(meant, folder, searched)
    except (Exception, KeyboardInterrupt) as error:
        if not sweeping:
            sys.exit(say(error, folder))  # if raised, Hydra would print a line before ours
        if isinstance(error, KeyboardInterrupt):
            if not in_worker():  # else the command got the signal too, or continues without it
                raise
        elif isinstance(error, Pruned):
            log.info("pruned: %s", error)
        else:
            log.exception("this job failed, the sweep continues: %s", error)
        return
    log.info("%s  (%.0f s)", _shown(folder.result, here), metrics["seconds"])
    if not sweeping:
        log.info("Compare: python -m nst.tensorboard%s", _beside(folder.path, here))


def forecast(overrides: Sequence[str]) -> str:
    """Says what a run would take, without running it.

    Raises:
        InputError: It is a sweep, or wrong.
    """
    composed = compose(overrides, hydra=True)
    if is_sweep(composed, multirun=False):
        raise InputError(
            "--forecast is of a single run, and this is a sweep, also without -m: add "
            "hydra.mode=RUN, and a value for each setting that it sweeps"
        )
    config = effective(without_hydra(composed), overrides)
    check(config)
    with working():
        import_libraries()
        from nst.transfer import described

        return described(config)


def completed_before(folder: RunFolder, config: DictConfig, inputs: Inputs) -> dict[str, Any]:
    """Returns the metrics of the same job from its folder; empty if it has not completed.

    Raises:
        InputError: The folder holds another run, or a damaged one.
    """
    folder.check(identity(resolved(config, inputs), inputs))
    return folder.metrics if folder.status.get("status") == "completed" else {}


def _metrics(config: DictConfig, folder: RunFolder, sweep: Path | None) -> dict[str, Any]:
    """Runs a job, in the folder of a sweep or by itself, and returns its metrics."""
    if sweep is not None and (metrics := completed_before(folder, config, gather(config))):
        log.info("already completed, not run again")
        return metrics
    import_libraries()
    from nst.transfer import transfer

    if sweep is None or not (sweep / STUDY).is_file():
        return transfer(config, folder.path).metrics
    from nst.sweeps.pruning import watching  # needs Optuna

    watch = watching(sweep, HydraConfig.get().job.num, config.steps, _measuring(config))
    return transfer(config, folder.path, watch=watch).metrics


def _measuring(config: DictConfig) -> Callable[[Record], dict[str, Any]]:
    """Returns what measures the picture of a record while the job runs."""
    from nst.transfer import judged

    return lambda record: judged(record.image, gather(config))


def import_libraries() -> None:
    """Imports TensorFlow and Keras, which takes seconds."""
    from nst.runtime import import_tensorflow

    import_tensorflow()
    import keras

    keras.config.set_floatx("float32")  # the user's keras.json is not a setting of the run


def _meant(config: DictConfig, here: Path) -> DictConfig:
    """Returns the configuration of the command; paths are relative to where it was started."""
    for key in PATHS:
        value = None if key.startswith("hydra") else OmegaConf.select(config, key)
        if value and Path.cwd() != here:
            names = [_from(here, name) for name in listed(value)]
            OmegaConf.update(config, key, names if OmegaConf.is_list(value) else names[0])
    for node in (config.observer or {}).values():
        if node.get("uri") and Path.cwd() != here:
            node.uri = store_from(here, node.uri)
    return effective(config, HydraConfig.get().overrides.task)


def _from(here: Path, name: Any) -> Any:
    """Finds a file where the command was started; names that are no such file stay."""
    return str(here / name) if isinstance(name, str) and (here / name).exists() else name


def store_from(here: Path, uri: str) -> str:
    """Returns the address of a store whose relative path starts where the command was started."""
    found = re.fullmatch(r"(sqlite:///|file:|(?=\.))([^/].*)", uri)
    return f"{found[1]}{here / found[2]}" if found else uri


def _beside(folder: Path, here: Path) -> str:
    """Returns the folder argument that shows a run among others; none for ``outputs``."""
    return "" if here / "outputs" in folder.parents else f" {_shown(folder.parent, here)}"


def _shown(path: Path, here: Path) -> str:
    """Shortens a path to one relative to where the command was started, if possible."""
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
