"""Checks of Hydra's own settings that it would find only after it has made the run's folder."""

from __future__ import annotations

import logging
import logging.config
import os
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from nst.errors import InputError


def check_framework(hydra: DictConfig) -> None:
    """Checks the node ``hydra`` of a composed configuration.

    Raises:
        InputError: Hydra would write outside of the run folder, or could not log or sweep.
    """
    folder = Path(hydra.output_subdir or ".")
    if folder.is_absolute() or ".." in folder.parts:
        raise InputError(
            f"hydra.output_subdir={folder}: it is a folder in the run's own, such as .hydra; "
            f"hydra.run.dir is where the run writes"
        )
    batch = OmegaConf.select(hydra, "sweeper.max_batch_size")
    if batch is not None and batch < 1:
        raise InputError(f"hydra.sweeper.max_batch_size={batch}: at least 1, or null for all jobs")
    for key in ("job_logging", "hydra_logging"):
        _check_logging(f"hydra.{key}", hydra[key])


def _check_logging(key: str, node: DictConfig | None) -> None:
    """Builds what Hydra will log by, but for its files, without touching the logging of now."""
    if node is None or node.get("root") is None:
        return
    node = node.copy()
    for handler in (node.get("handlers") or {}).values():
        if "filename" in handler:  # in the run folder, which is not there yet
            handler.filename = os.devnull
    plain: Any = OmegaConf.to_container(node, resolve=True)
    try:
        _build_logging(plain)
    except (AttributeError, ImportError, LookupError, OSError, TypeError, ValueError) as error:
        reason = f"{error}: {error.__cause__}" if error.__cause__ else error
        raise InputError(f"{key}: {reason}") from error


def _build_logging(plain: dict[str, Any]) -> None:
    # Not by dictConfig, which closes the handlers that there are.
    if plain.get("version") != 1:
        raise ValueError(f"version: {plain.get('version')} is not 1")
    configurator = logging.config.DictConfigurator(plain)
    formatters, handlers = (configurator.config.get(k) or {} for k in ("formatters", "handlers"))
    for name in formatters:
        formatters[name] = configurator.configure_formatter(formatters[name])
    built = {name: configurator.configure_handler(handlers[name]) for name in handlers}
    for handler in built.values():
        handler.close()
    for name, logger in {"root": plain["root"], **(plain.get("loggers") or {})}.items():
        logging.Logger(name).setLevel(logger.get("level") or logging.NOTSET)
        for used in logger.get("handlers") or ():
            if used not in built:
                raise ValueError(f"{name}: no handler is named {used}")
