"""Configurations that come from earlier runs: ``resume=`` and ``replay=``. Free of TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from os.path import lexists
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from nst.config import Config, check, compose, explain, groups, options
from nst.config.overrides import parse, path_of
from nst.config.settings import COMMAND, FEEDS
from nst.config.validation import check_keys
from nst.errors import InputError
from nst.runs.folder import (
    CHECKPOINT,
    HISTORY,
    METRICS,
    STATUS,
    RunFolder,
    is_own,
    recorded_config,
)
from nst.runs.trust import GROUPS, check_classes
from nst.scales import plan

# The hash that a change makes obsolete. A group replaces its own with all its other keys.
HASHES = {
    **{f"{group}.image": f"{group}.sha256" for group in ("content", "style", "init")},
    **{f"network.{key}": "network.sha256" for key in ("name", "weights", "application")},
    **dict.fromkeys(("content", "content.regions", "content.weight_map"), "regions.sha256"),
    **dict.fromkeys(("style", "style.regions", "style.weights"), "regions.sha256"),
}


def effective(config: DictConfig, overrides: Sequence[str]) -> DictConfig:
    """Returns the configuration that a command line asks for.

    Args:
        config: As composed from ``conf/`` and the overrides.
        overrides: The overrides of the command line.

    Returns:
        ``config`` itself; with ``resume``, that of the stopped run, or of any run with more steps;
        with ``replay``, that of the recorded run with the overrides applied.

    Raises:
        InputError: The folder or picture has no configuration, or the two keys are misused.
    """
    changes = [
        str(o.input_line) for o in parse(overrides) if not o.key_or_group.startswith(COMMAND)
    ]
    if config.resume is not None:
        if config.replay is not None:
            raise InputError("give either resume=, to continue a run, or replay=, to repeat one")
        if others := [change for change in changes if not change.startswith("steps=")]:
            raise InputError(
                f"resume= continues a run unchanged, so it cannot take {' '.join(others)}; "
                f"replay={config.resume} repeats it with changes"
            )
        source = path_of("resume", config.resume)
        recorded = _resumable(source)
        check_classes(recorded, source, config, overrides)
        return _longer(recorded, source, config.steps) if changes else _stopped(recorded, source)
    if config.replay is None:
        return config
    source = path_of("replay", config.replay)
    recorded = _sound(recorded_config(source), source)
    check_classes(recorded, source, config, overrides)
    return _changed(recorded, config, changes)


def _stopped(config: DictConfig, path: Path) -> DictConfig:
    if RunFolder(path).status.get("status") == "completed":
        more = "" if _ended(config, config.steps + 1) else "add steps=… for more steps, or "
        raise InputError(f"resume: {path} is completed; {more}repeat it with replay={path}")
    return config


def _longer(config: DictConfig, path: Path, steps: int) -> DictConfig:
    """Gives a run more steps, provided that it then ends as if it had had them from the start."""
    instead = f"replay={path} steps={steps} starts over"
    if steps <= config.steps:
        raise InputError(f"steps={steps}: {path} is planned for {config.steps}; {instead}")
    if (reason := _ended(config, steps)) is not None:
        raise InputError(
            f"steps={steps}: {path} {reason}; {instead}, and replay={path} pyramid=single "
            f"init=file init.image={RunFolder(path).result} paints on from its picture"
        )
    config.steps = steps
    return config


def _ended(config: DictConfig, steps: int) -> str | None:
    """Says why a run with more steps would not begin like this one; None if it would."""
    check(config)
    scales = plan((config.size, config.size), steps, **config.pyramid)
    if len(scales) > 1:
        return f"divides its steps among {len(scales)} scales"
    if config.optimizer.get("final_rate") not in (None, 1.0):  # L-BFGS has none
        return "lowers its learning rate until its last step"
    return None


def _resumable(path: Path) -> DictConfig:
    folder = RunFolder(path)
    config = _sound(folder.config(), path)
    for file in path.rglob("*"):
        if not is_own(path, file):
            raise InputError(
                f"resume: {file} is a link that leads out of the folder, and the run would write "
                f"there; replace it by what it leads to"
            )
    for name in (STATUS, METRICS, HISTORY, CHECKPOINT, "run.log", folder.result.name):
        if lexists(path / name) and not (path / name).is_file():
            raise InputError(
                f"resume: {path / name} is no file; remove it, or put back what it was"
            )
    if lexists(parent := (path / CHECKPOINT).parent) and not parent.is_dir():
        raise InputError(f"resume: {parent} is no folder; remove it, or put back what it was")
    folder.history(), folder.load_checkpoint()  # finds damage before anything is written
    return config


def _sound(recorded: DictConfig, source: Path) -> DictConfig:
    """Checks keys and types: the file may be edited, or written by another version."""
    for key in {"output", "color", "regions", "evaluation"} - set(recorded):  # older
        recorded[key] = compose()[key]
    if isinstance(recorded.output, DictConfig):
        recorded.output = OmegaConf.merge(compose().output, recorded.output)
    if isinstance(recorded.get("init"), DictConfig):  # older scales began with neither
        recorded.init = OmegaConf.merge({"detail": 0.0, "grain": 0.0}, recorded.init)
    plain = {key: node for key, node in recorded.items() if key not in GROUPS}
    try:
        typed = OmegaConf.merge(OmegaConf.structured(Config), plain)
    except OmegaConfBaseException as error:
        raise InputError(f"{source}: {explain(error)}") from error
    missing = [key for key in OmegaConf.missing_keys(typed) if key.split(".")[0] not in GROUPS]
    missing += [key for key in GROUPS if not isinstance(recorded.get(key), DictConfig)]
    if missing:
        raise InputError(f"{source}: its configuration lacks the key {min(missing)}")
    for key in ("init", "network"):  # with what older ones lack
        recorded[key] = OmegaConf.to_container(OmegaConf.select(typed, key))
    for key, node in _built(recorded):
        if not isinstance(node, DictConfig) or not isinstance(node.get("_target_"), str):
            raise InputError(f"{source}: its configuration lacks the key {key}._target_")
    recorded.network.url = _address(str(recorded.network.name))
    return recorded


def _address(network: str) -> str | None:
    """Returns the address of a network's weights according to ``conf/``.

    A recording must not set it: its file would replace the one in Keras' cache.
    """
    if network not in options("network"):
        return None
    url: str | None = compose([f"network={network}"]).network.url
    return url


def _built(recorded: DictConfig) -> Iterator[tuple[str, Any]]:
    """Yields every node that names a class, with its key."""
    yield "optimizer", recorded.optimizer
    for group in ("loss", "observer"):
        yield from ((f"{group}.{name}", node) for name, node in recorded[group].items())


def _changed(recorded: DictConfig, composed: DictConfig, changes: Sequence[str]) -> DictConfig:
    """Applies changes to a recorded configuration; ``composed`` holds their checked values."""
    check_keys(composed)
    _link(recorded)
    for change in parse(changes):
        key = change.key_or_group
        if key == "experiment":
            raise InputError(
                "replay: an experiment would replace the whole configuration; change single keys"
            )
        parent, _, last = key.rpartition(".")
        if change.is_delete():
            OmegaConf.select(recorded, parent).pop(last, None)
        elif key in groups() or not OmegaConf.is_missing(composed, key):
            OmegaConf.update(recorded, key, OmegaConf.select(composed, key), merge=False)
        if (hashed := HASHES.get(key)) is not None:
            OmegaConf.update(recorded, hashed, OmegaConf.select(composed, hashed), merge=False)
    return recorded


def _link(recorded: DictConfig) -> None:
    """Restores interpolations such as ``${alpha}`` where the recorded value still equals them."""
    for name, key in FEEDS.items():
        if name in recorded.loss and recorded.loss[name].weight == recorded[key]:
            recorded.loss[name].weight = f"${{{key}}}"
