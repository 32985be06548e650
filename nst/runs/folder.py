"""A run folder: its files, and how they are written and read. Free of TensorFlow."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy.typing as npt
from omegaconf import DictConfig, OmegaConf

from nst import __version__
from nst.errors import InputError, did_you_mean
from nst.files.atomic import write_atomic
from nst.files.objects import json_object, to_json
from nst.runs import checkpoint
from nst.runs.lock import locked
from nst.runs.provenance import carried_config, parsed

CONFIG, STATUS, METRICS, HISTORY = "config.yaml", "status.json", "metrics.json", "metrics.jsonl"
TIMELAPSE = ("timelapse.webp", "timelapse.gif", "timelapse.mp4")
LARGEST = 64_000_000  # bytes of any of them but the history; a foreign one may be of any size
RESULT, ENVIRONMENT, CHECKPOINT = "result.png", "environment.json", "checkpoints/latest.npz"


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run."""

    path: Path

    @property
    def status(self) -> dict[str, Any]:
        """The content of ``status.json``; empty if there is none.

        Raises:
            InputError: The file is damaged.
        """
        return self._read_json(STATUS)

    @property
    def metrics(self) -> dict[str, Any]:
        """The content of ``metrics.json``; empty unless the run has completed."""
        return self._read_json(METRICS)

    @property
    def result(self) -> Path:
        """Path of the picture, which exists once the run has ended.

        Raises:
            InputError: The folder has no configuration.
        """
        return self.path / result_name(self.config().get("output"))

    def history(self) -> list[dict[str, Any]]:
        """Returns the lines of ``metrics.jsonl``; a last line truncated by a kill is dropped.

        Raises:
            InputError: Another line is damaged.
        """
        path = self.path / HISTORY
        lines = path.read_bytes().splitlines(keepends=True) if path.is_file() else []
        whole = [line for line in lines if line.endswith(b"\n")]
        records = [json_object(line, f"{path}, line {n}") for n, line in enumerate(whole, 1)]
        for number, record in enumerate(records, 1):
            step = record.get("step")
            if type(step) is not int or step < 0:
                raise InputError(f"{path}, line {number} is damaged: it has no step")
        return records

    def config(self) -> DictConfig:
        """Returns the resolved configuration of the run.

        Raises:
            InputError: The folder has none, or it is damaged.
        """
        path = self.path / CONFIG
        if not path.is_file():
            raise InputError(f"{self.path} {self._without_config()}")
        return parsed(small(path).decode("utf-8", "replace"), path)

    def _without_config(self) -> str:
        parent = self.path.parent
        if (self.path / STATUS).is_file():
            return f"holds a run that ended before it began: it has no {CONFIG}."
        if (parent / CONFIG).is_file():
            return f"is no run folder, but {parent} is one."
        near = [p.name for p in parent.glob("*/") if (p / CONFIG).is_file()]
        hint = did_you_mean(self.path.name, near) or " Run folders are under outputs/."
        if not self.path.exists():
            return f"does not exist.{hint}"
        return f"is not a run folder: it has no {CONFIG}.{hint}"

    def locked(self, patience: float = 0.0) -> AbstractContextManager[None]:
        """Locks the folder against other processes, see :func:`nst.runs.lock.locked`."""
        return locked(self.path, patience)

    def busy(self) -> bool:
        """Returns whether a process is using the folder."""
        try:
            with locked(self.path, shared=True):  # so that two who look do not see each other
                return False
        except FileNotFoundError:
            return False
        except (InputError, OSError):
            return True

    def check(self, identity: str) -> None:
        """Checks that a run may write into the folder: it is new, or holds the same run.

        Args:
            identity: Identity of the run, see :func:`nst.runs.identity.identity`.

        Raises:
            InputError: The folder holds a different run.
        """
        status = self.status
        if status.get("identity", identity) != identity:
            made = status.get("nst", __version__)
            by = "" if made == __version__ else f" (made by nst {made}, this is {__version__})"
            raise InputError(
                f"{self.path} holds a run with another configuration, images or weights{by}; "
                f"nothing was changed: choose another folder"
            )

    def write_status(self, status: str, **more: Any) -> None:
        """Writes the status: ``running``, ``completed``, ``pruned`` and the like."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        kept = {key: value for key, value in self.status.items() if key == "identity"}
        self.write_json(STATUS, {"status": status, "nst": __version__, "time": now, **more, **kept})

    def lengthen(self, config: DictConfig) -> None:
        """Turns the run into a stopped one that has more steps to make.

        Killed halfway, the folder holds the old run or the longer one, never a mixture.

        Args:
            config: Its own, but for the number of steps.
        """
        if config.steps == self.config().steps:
            return
        reason = f"{config.steps} steps are asked for; resume= continues from the last checkpoint"
        self.write_json(STATUS, {"status": "interrupted", "nst": __version__, "reason": reason})
        (self.path / METRICS).unlink(missing_ok=True)
        self.write(CONFIG, OmegaConf.to_yaml(config).encode())

    def write(self, name: str, data: bytes) -> None:
        """Writes a file atomically.

        Raises:
            OSError: The disk is full, or the folder is gone or not writable; names the file.
        """
        try:
            write_atomic(self.path / name, data)
        except OSError as error:
            reason = f"{name} could not be written: {error.strerror}"
            raise OSError(error.errno, reason) from error

    def write_json(self, name: str, data: Mapping[str, Any]) -> None:
        """Writes a JSON file atomically."""
        self.write(name, (to_json(data, indent=2) + "\n").encode())

    def save_checkpoint(self, state: Mapping[str, npt.ArrayLike]) -> None:
        """Writes the checkpoint that ``resume=`` starts from."""
        checkpoint.save(self.path / CHECKPOINT, state)

    def load_checkpoint(self) -> checkpoint.State | None:
        """Reads the last checkpoint; returns None if there is none.

        Raises:
            InputError: The file is damaged.
        """
        return checkpoint.load(self.path / CHECKPOINT)

    def _read_json(self, name: str) -> dict[str, Any]:
        path = self.path / name
        return json_object(small(path), str(path)) if path.is_file() else {}


def small(path: Path) -> bytes:
    """Reads a file of a run folder that is never large.

    Raises:
        InputError: It is.
    """
    if (size := path.stat().st_size) > LARGEST:
        raise InputError(f"{path} is damaged: it has {size / 1e6:.0f} MB")
    return path.read_bytes()


def is_own(folder: Path, path: Path) -> bool:
    """Tells whether a file of a folder is in it, and not a link to one elsewhere.

    A folder may come from a stranger: what is elsewhere is neither shown nor written to.
    """
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def result_name(output: Mapping[str, Any] | None) -> str:
    """Returns the file name of a run's picture.

    Args:
        output: The node ``output`` of the configuration; None in recordings older than it.
    """
    if output is None:
        return RESULT
    # A foreign recording may name any path: the file stays in its own folder.
    return Path(f"{output['name']}.{output['format']}").name


def recorded_config(source: Path) -> DictConfig:
    """Reads the configuration recorded in a run folder or a ``result.png``.

    Raises:
        InputError: There is none, or it is damaged.
    """
    return carried_config(source) if source.is_file() else RunFolder(source).config()
