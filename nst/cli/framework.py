"""Checks of Hydra's own settings that it would find only after it has made the run's folder."""

from __future__ import annotations

import logging
import logging.config
import os
from collections.abc import Iterator
from contextlib import contextmanager
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
    """Sets up logging as Hydra will, but for its files, and puts back what there was."""
    if node is None or node.get("root") is None:
        return
    node = node.copy()
    for handler in (node.get("handlers") or {}).values():
        if "filename" in handler:  # in the run folder, which is not there yet
            handler.filename = os.devnull
    plain: Any = OmegaConf.to_container(node, resolve=True)
    with _restored():
        try:
            logging.config.dictConfig({**plain, "disable_existing_loggers": False})
        except (AttributeError, ImportError, LookupError, OSError, TypeError, ValueError) as error:
            reason = f"{error}: {error.__cause__}" if error.__cause__ else error
            raise InputError(f"{key}: {reason}") from error


@contextmanager
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
