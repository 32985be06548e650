"""One job as Hydra starts it: a single run, or one of a sweep, perhaps in a worker process."""

from __future__ import annotations

import logging
import math
import sys
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from nst.cli.ending import say
from nst.cli.signals import in_worker, working
from nst.config import CONF_DIR
from nst.config.overrides import PATHS
from nst.runs.folder import RunFolder
from nst.runs.identity import identity
from nst.runs.replay import effective
from nst.sources import ASSET, WEB, Inputs, gather, resolved

log = logging.getLogger(__name__)


@hydra.main(config_path=str(CONF_DIR), config_name="config", version_base="1.3")
def task(config: DictConfig) -> float:
    """Runs one job. In a sweep one that fails is recorded, and the others go on.

    Returns:
        The sum of both evaluation distances, for sweepers that optimise; NaN for a failed job.
    """
    context = HydraConfig.get()
    here = Path(context.runtime.cwd)  # where the command was given; hydra.job.chdir leaves it
    folder = RunFolder(Path(context.runtime.output_dir))
    sweeping = context.mode == RunMode.MULTIRUN
    try:
        with folder.locked(), folder.telling(), working():
            metrics = _metrics(_meant(config, here), folder, sweeping)
    except (Exception, KeyboardInterrupt) as error:
        if not sweeping:
            sys.exit(say(error))  # were it raised, Hydra would put a line of its own before ours
        if isinstance(error, KeyboardInterrupt):
            if in_worker():  # the command got the signal as well, or goes on without this job
                return math.nan
            raise
        log.exception("this job failed, the sweep goes on: %s", error)
        return math.nan
    log.info("%s  (%.0f s)", _shown(folder.result, here), metrics["seconds"])
    if not sweeping:
        log.info("Compare: python -m nst.tensorboard%s", _beside(folder.path, here))
    return float(metrics["content_distance"] + metrics["style_distance"])


def completed_before(folder: RunFolder, config: DictConfig, inputs: Inputs) -> dict[str, Any]:
    """Finds the metrics of the same job; empty where it has not come to its end.

    Raises:
        InputError: The folder holds another run, or a damaged one.
    """
    config = resolved(config, inputs)
    folder.check(identity(config, inputs), config)
    return folder.metrics if folder.status.get("status") == "completed" else {}


def _metrics(config: DictConfig, folder: RunFolder, sweeping: bool) -> dict[str, Any]:
    if sweeping and (metrics := completed_before(folder, config, gather(config))):
        log.info("completed before, so it is not run again")
        return metrics
    from nst.runtime import import_tensorflow

    import_tensorflow()
    import keras

    keras.config.set_floatx("float32")  # a keras.json of the user's is no setting of the run
    from nst.transfer import transfer

    return transfer(config, folder.path).metrics


def _meant(config: DictConfig, here: Path) -> DictConfig:
    """Returns the configuration that the command means; relative paths begin where it was given."""
    for key in PATHS:
        name = None if key.startswith("hydra") else OmegaConf.select(config, key)
        if name and Path.cwd() != here and not name.startswith((*WEB, ASSET, "~")):
            OmegaConf.update(config, key, str(here / name))
    return effective(config, HydraConfig.get().overrides.task)


def _beside(folder: Path, here: Path) -> str:
    """Names the folder that shows a run among others; nothing for ``outputs``, the default."""
    return "" if here / "outputs" in folder.parents else f" {_shown(folder.parent, here)}"


def _shown(path: Path, here: Path) -> str:
    """Shortens a path to one that can be typed from where the command was given."""
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
