"""Configurations that come from earlier runs: ``resume=`` and ``replay=``. Free of TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from nst.config import compose
from nst.errors import InputError
from nst.explain import groups
from nst.runs import RunFolder, recorded_config

CARRIED_ALONG = (
    "resume",
    "replay",
    "hydra",
)  # first parts of keys that do not change a recorded run


def effective(config: DictConfig, overrides: Sequence[str]) -> DictConfig:
    """Returns the configuration that a command line means.

    Args:
        config: As composed from ``conf/`` and the overrides.
        overrides: Of the command line.

    Returns:
        ``config`` itself; with ``resume`` the stopped run's; with ``replay`` the recorded run's with
        the overrides laid over it.

    Raises:
        InputError: The folder or picture carries no configuration, or the two words are misused.
    """
    changes = [
        o for o in overrides if o.lstrip("+~").split("=")[0].split(".")[0] not in CARRIED_ALONG
    ]
    if config.resume is not None:
        if changes or config.replay is not None:
            raise InputError(
                f"resume= goes on with a run as it was, so it cannot take {' '.join(changes)}; "
                f"replay={config.resume} does it again with changes"
            )
        return _stopped(Path(config.resume).expanduser())
    if config.replay is None:
        return config
    return _changed(recorded_config(Path(config.replay).expanduser()), config, changes)


def _stopped(path: Path) -> DictConfig:
    folder = RunFolder(path)
    config = folder.config()
    if folder.status.get("status") == "completed":
        raise InputError(f"resume: {path} is completed; replay={path} does it again")
    return config


def _changed(recorded: DictConfig, composed: DictConfig, changes: Sequence[str]) -> DictConfig:
    """Lays changes over a recorded configuration; ``composed`` holds their values, checked."""
    _link(recorded, compose())
    for change in OverridesParser.create().parse_overrides(list(changes)):
        key = change.key_or_group
        if key == "experiment":
            raise InputError(
                "replay: an experiment is a whole setting of its own; name single keys"
            )
        if key in groups() or not OmegaConf.is_missing(composed, key):
            OmegaConf.update(recorded, key, OmegaConf.select(composed, key), merge=False)
    return recorded


def _link(recorded: DictConfig, default: DictConfig) -> None:
    """Puts interpolations such as ``${alpha}`` back where the recorded value still equals them."""
    for name, term in default.loss.items():
        if name in recorded.loss and OmegaConf.is_interpolation(term, "weight"):
            handle = str(term._get_node("weight")._value()).strip("${}")
            if recorded.loss[name].weight == recorded[handle]:
                recorded.loss[name].weight = f"${{{handle}}}"
