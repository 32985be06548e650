"""A run folder: what is in it, how it is written and how it is read back. Free of TensorFlow."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from omegaconf import DictConfig, OmegaConf
from yaml import YAMLError  # type: ignore[import-untyped]

from nst import __version__, runtime
from nst.errors import InputError, did_you_mean
from nst.files.atomic import replacing, write_atomic
from nst.images import read_text

CONFIG, STATUS, METRICS, HISTORY = "config.yaml", "status.json", "metrics.json", "metrics.jsonl"
RESULT, ENVIRONMENT, CHECKPOINT = "result.png", "environment.json", "checkpoints/latest.npz"


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run."""

    path: Path

    @property
    def status(self) -> dict[str, Any]:
        """What ``status.json`` says; empty where there is none.

        Raises:
            InputError: The file is damaged.
        """
        return self._read_json(STATUS)

    @property
    def metrics(self) -> dict[str, Any]:
        """What ``metrics.json`` says; empty for a run that did not come to its end."""
        return self._read_json(METRICS)

    @property
    def result(self) -> Path:
        """Path of the picture, which exists once the run has ended.

        Raises:
            InputError: The folder holds no configuration.
        """
        return self.path / result_name(self.config().get("output"))

    def history(self) -> list[dict[str, Any]]:
        """The lines of ``metrics.jsonl``; a last line cut short by a kill is left out."""
        path = self.path / HISTORY
        lines = path.read_text("utf-8").splitlines(keepends=True) if path.is_file() else []
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def config(self) -> DictConfig:
        """The resolved configuration of the run.

        Raises:
            InputError: The folder holds none.
        """
        if not (self.path / CONFIG).is_file():
            near = (
                [p.name for p in self.path.parent.glob("*/")] if self.path.parent.is_dir() else []
            )
            hint = did_you_mean(self.path.name, near) or " Run folders lie under outputs/."
            raise InputError(f"{self.path} is not a run folder: it holds no {CONFIG}.{hint}")
        return _parsed((self.path / CONFIG).read_text("utf-8"), self.path / CONFIG)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other processes out of the folder; a kill releases it as well.

        Raises:
            InputError: Another process is at work in it.
        """
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError as error:
            raise InputError(f"another process is at work in {self.path}") from error
        finally:
            os.close(descriptor)

    def busy(self) -> bool:
        """Tells whether a process is at work in it."""
        try:
            with self.locked():
                return False
        except FileNotFoundError:
            return False
        except InputError:
            return True

    @contextmanager
    def telling(self) -> Iterator[None]:
        """Lets an error that comes before the recording begins leave its reason as well."""
        try:
            yield
        except BaseException as error:
            if self.status.get("status", "running") == "running":
                status, reason = outcome(error)
                self.write_status(status, reason=reason)
            raise

    def claim(self, identity: str, config: DictConfig) -> None:
        """Takes the folder for a run, or to go on with the same run, which is in it already.

        Args:
            identity: Of the run.
            config: Its configuration; that of a resumed run is the recorded one to the letter.

        Raises:
            InputError: The folder holds a different run.
        """
        self.check(identity, config)
        self.write_status("running", identity=self.status.get("identity", identity))

    def check(self, identity: str, config: DictConfig) -> None:
        """Finds out whether :meth:`claim` would take the folder; arguments and errors are its own."""
        status = self.status
        if status.get("identity", identity) != identity and config != self.config():
            made = status.get("nst", __version__)
            by = "" if made == __version__ else f" (made by nst {made}, this is {__version__})"
            raise InputError(
                f"{self.path} holds a run with another configuration or other images{by}; it is "
                f"left as it is: choose another folder"
            )

    def write_status(self, status: str, **more: Any) -> None:
        """Says how the run stands: ``running``, ``completed``, ``interrupted`` or ``failed``."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        kept = {key: value for key, value in self.status.items() if key == "identity"}
        self.write_json(STATUS, {"status": status, "nst": __version__, "time": now, **kept, **more})

    def write(self, name: str, data: bytes) -> None:
        """Writes a file, whole or not at all."""
        write_atomic(self.path / name, data)

    def write_json(self, name: str, data: Mapping[str, Any]) -> None:
        """Writes a JSON file, whole or not at all."""
        self.write(name, (json.dumps(data, indent=2) + "\n").encode())

    def save_checkpoint(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Keeps what ``resume=`` goes on from."""
        (self.path / CHECKPOINT).parent.mkdir(exist_ok=True)
        with replacing(self.path / CHECKPOINT) as file:
            np.savez(file, allow_pickle=False, **{k: np.asarray(v) for k, v in state.items()})

    def load_checkpoint(self) -> dict[str, npt.NDArray[Any]] | None:
        """Reads the last checkpoint, or None where there is none."""
        if not (self.path / CHECKPOINT).is_file():
            return None
        with np.load(self.path / CHECKPOINT) as arrays:
            return dict(arrays)

    def _read_json(self, name: str) -> dict[str, Any]:
        path = self.path / name
        try:
            return dict(json.loads(path.read_text("utf-8"))) if path.is_file() else {}
        except ValueError as error:
            raise InputError(f"{path} is damaged: {error}") from error


def result_name(output: Mapping[str, Any] | None) -> str:
    """Name the file of a run's picture.

    Args:
        output: The node of that name in the configuration; None in recordings older than it.
    """
    if output is None:
        return RESULT
    # Whatever a foreign recording says, the file is in its own folder.
    return Path(f"{output['name']}.{output['format']}").name


def outcome(error: BaseException | None) -> tuple[str, str]:
    """Says how a run ended, and why: what ``status.json`` holds at the end.

    Args:
        error: What ended it before its time, if anything did.
    """
    if error is None:
        return "completed", "all steps made"
    if not isinstance(error, Exception):  # Ctrl-C, or the exit by which a cluster takes a job back
        return "interrupted", "stopped from outside; resume= goes on from the last checkpoint"
    return "failed", f"{type(error).__name__}: {error}"


def provenance(config: str, seed: int) -> dict[str, str]:
    """Makes the text that a picture carries: enough to make it again. No dates: same run, same bytes."""
    return {
        "Software": f"nst {__version__}",
        "config": config,
        "seed": str(seed),
        "versions": json.dumps(runtime.versions()),
    }


def recorded_config(source: Path) -> DictConfig:
    """Reads the configuration that a run folder or a ``result.png`` carries.

    Raises:
        InputError: It carries none.
    """
    if not source.is_file():
        return RunFolder(source).config()
    text = read_text(source)
    if "config" not in text:
        raise InputError(f"{source} carries no configuration: only a {RESULT} of a run does")
    return _parsed(text["config"], source)


def _parsed(yaml: str, source: Path) -> DictConfig:
    try:
        config = OmegaConf.create(yaml)
    except YAMLError as error:
        raise InputError(f"the configuration in {source} is damaged: {error}") from error
    if not isinstance(config, DictConfig):
        raise InputError(f"the configuration in {source} is damaged: it is a list")
    return config
