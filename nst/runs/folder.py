"""A run folder: its files, and how they are written and read. Free of TensorFlow."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy.typing as npt
from omegaconf import DictConfig, OmegaConf

from nst import __version__
from nst.errors import InputError, did_you_mean
from nst.files.atomic import write_atomic
from nst.runs import checkpoint
from nst.runs.lock import locked
from nst.runs.provenance import carried_config, parsed
from nst.runs.status import outcome

log = logging.getLogger(__name__)

CONFIG, STATUS, METRICS, HISTORY = "config.yaml", "status.json", "metrics.json", "metrics.jsonl"
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
        records = [_record(line, f"{path}, line {n}") for n, line in enumerate(whole, 1)]
        for number, record in enumerate(records, 1):
            if not isinstance(record.get("step"), int):
                raise InputError(f"{path}, line {number} is damaged: it has no step")
        return records

    def config(self) -> DictConfig:
        """Returns the resolved configuration of the run.

        Raises:
            InputError: The folder has none, or it is damaged.
        """
        path, parent = self.path / CONFIG, self.path.parent
        if not path.is_file():
            near = [p.name for p in parent.glob("*/")] if parent.is_dir() else []
            hint = did_you_mean(self.path.name, near) or " Run folders are under outputs/."
            raise InputError(f"{self.path} is not a run folder: it has no {CONFIG}.{hint}")
        return parsed(path.read_text("utf-8", "replace"), path)

    def locked(self) -> AbstractContextManager[None]:
        """Locks the folder against other processes, see :func:`nst.runs.lock.locked`."""
        return locked(self.path)

    def busy(self) -> bool:
        """Returns whether a process is using the folder."""
        try:
            with self.locked():
                return False
        except FileNotFoundError:
            return False
        except InputError:
            return True

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """Records an error from before the recording, and an interrupt recorded as a failure.

        A resumed run that fails before that keeps the status it had.
        """
        before = self._status_bytes()
        try:
            yield
        except BaseException as error:
            now = self._status_bytes()
            mistaken = ("running",) if isinstance(error, Exception) else ("running", "failed")
            if now is None or (now != before and self.status.get("status") in mistaken):
                self._report(error)
            raise

    def check(self, identity: str, config: DictConfig) -> None:
        """Checks that a run may write into the folder: it is new, or holds the same run.

        Args:
            identity: Identity of the run, see :func:`nst.runs.identity.identity`.
            config: Its configuration; for a resumed run, exactly the recorded one.

        Raises:
            InputError: The folder holds a different run.
        """
        status = self.status
        if status.get("identity", identity) != identity and config != self.config():
            made = status.get("nst", __version__)
            by = "" if made == __version__ else f" (made by nst {made}, this is {__version__})"
            raise InputError(
                f"{self.path} holds a run with another configuration or other images{by}; nothing "
                f"was changed: choose another folder"
            )

    def write_status(self, status: str, **more: Any) -> None:
        """Writes the status: ``running``, ``completed``, ``interrupted`` or ``failed``."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        kept = {key: value for key, value in self.status.items() if key == "identity"}
        self.write_json(STATUS, {"status": status, "nst": __version__, "time": now, **more, **kept})

    def lengthen(self, config: DictConfig) -> None:
        """Turns the run into a stopped one that has more steps to make; a kill meets one of both.

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

    def _status_bytes(self) -> bytes | None:
        path = self.path / STATUS
        return path.read_bytes() if path.is_file() else None

    def _report(self, error: BaseException) -> None:
        status, reason = outcome(error)
        try:
            self.write_status(status, reason=reason)
        except OSError as unwritten:
            log.warning("the status could not be written: %s", unwritten)

    def _read_json(self, name: str) -> dict[str, Any]:
        path = self.path / name
        return _record(path.read_bytes(), str(path)) if path.is_file() else {}


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


def to_json(data: Mapping[str, Any], indent: int | None = None) -> str:
    """Encodes as JSON; infinity and NaN, which JSON lacks, become null."""
    return json.dumps(_finite(data), indent=indent, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _record(data: bytes, where: str) -> dict[str, Any]:
    try:
        record = json.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where} is damaged: {error}") from error
    if not isinstance(record, dict):
        raise InputError(f"{where} is damaged: it is not a JSON object")
    return record
