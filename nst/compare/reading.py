"""Reads run folders as they lie: finished, at work, stopped, broken, or of another version."""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml  # type: ignore[import-untyped]
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from nst.config.settings import Value, flat
from nst.errors import InputError
from nst.files import atomic as files
from nst.runs.folder import CONFIG, HISTORY, RESULT, STATUS, RunFolder
from nst.runs.provenance import parsed

PLANNED = ".hydra/config.yaml"  # what a job was told; CONFIG is what came of it
SWEEP = "multirun.yaml"  # Hydra's, in the folder of a sweep
RECORDS = 200  # of the history that are kept, enough for a curve
BROKEN = (
    InputError,
    OSError,
    ValueError,
    TypeError,
    ArithmeticError,
    yaml.YAMLError,
    OmegaConfBaseException,
)

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Run:
    """What is known of one run.

    Attributes:
        folder: The run folder.
        name: The shortest path that tells it from the other runs.
        state: As ``status.json`` says; ``stopped`` where it says running and no process is at work,
            ``damaged`` where a file cannot be read.
        reason: Why, as far as known.
        settings: The configuration, flat: ``{"loss.tv.weight": 100.0}``.
        resolved: Whether ``auto`` has been decided in it.
        metrics: Every finite number of ``metrics.json``, flat; else what the history says.
        history: Up to ``RECORDS`` lines of ``metrics.jsonl``, first and last included.
        handles: The settings as people turn them, see :mod:`nst.compare.handles`.
    """

    folder: Path
    name: str
    state: str
    reason: str
    settings: Mapping[str, Value]
    resolved: bool
    metrics: Mapping[str, float]
    history: Sequence[Mapping[str, Any]]
    handles: Mapping[str, Value] = field(default_factory=dict)

    @property
    def picture(self) -> Path | None:
        """The result, or the last snapshot of a run that was killed; None where there is none."""
        snapshots = sorted(self.folder.glob("snapshots/*.png"))
        paths = (self.folder / RESULT, *reversed(snapshots))
        return next((path for path in paths if path.is_file()), None)


def is_run(folder: Path) -> bool:
    """Tells whether a folder is that of a run."""
    return not (folder / SWEEP).is_file() and any(
        (folder / name).is_file() for name in (CONFIG, STATUS, PLANNED)
    )


def find(folders: Iterable[Path]) -> list[Path]:
    """Finds the run folders among folders and right below them, in natural order, each once.

    Raises:
        InputError: A folder does not exist, is a file, or holds no run.
    """
    found = [run for folder in folders for run in _runs_of(folder)]
    return list({run.resolve(): run for run in found}.values())


def _runs_of(folder: Path) -> list[Path]:
    if is_run(files.folder(folder)):
        return [folder]
    below = sorted((path for path in folder.iterdir() if path.is_dir()), key=_natural)
    runs = [path for path in below if is_run(path)]
    if not runs:
        deeper = [str(path) for path in below if any(is_run(p) for p in path.glob("*/"))]
        hint = f" Folders below it do: {', '.join(deeper[:3])}" if deeper else ""
        raise InputError(
            f"{folder} is neither a run nor holds runs (no {CONFIG}, no {STATUS}).{hint}"
        )
    return runs


def _natural(path: Path) -> tuple[int, str]:
    """Sorts ``10_…`` behind ``9_…``."""
    number = path.name.split("_")[0]
    return (int(number) if number.isdecimal() else -1, path.name)


def read(folder: Path, name: str) -> Run:
    """Reads a run folder; nothing in it can make this fail."""
    wrong: list[str] = []

    def part(reader: Callable[[], T]) -> T | None:
        try:
            return reader()
        except BROKEN as error:
            wrong.append(" ".join(str(error).split()))
            return None

    run = RunFolder(folder)
    status = part(lambda: run.status) or {}
    resolved = (folder / CONFIG).is_file()
    settings = part(lambda: _settings(folder / (CONFIG if resolved else PLANNED), resolved)) or {}
    history = part(lambda: _history(folder / HISTORY)) or []
    metrics = _so_far(history) | (part(lambda: _numbers(run.metrics)) or {})
    if not settings and status.get("status") in (None, "completed"):
        wrong.append("it holds no configuration")
    state, reason = _state(run, status)
    if wrong:
        state, reason = "damaged", "; ".join(wrong)
    return Run(folder, name, state, reason, settings, resolved, metrics, history)


def names(folders: Sequence[Path]) -> list[str]:
    """Names folders by their paths below what they have in common."""
    absolute = [folder.resolve() for folder in folders]
    common = os.path.commonpath([folder.parent for folder in absolute])
    return [folder.relative_to(common).as_posix() for folder in absolute]


def _state(run: RunFolder, status: Mapping[str, Any]) -> tuple[str, str]:
    state, reason = str(status.get("status", "running")), str(status.get("reason") or "")
    if state != "running":
        return state, reason
    try:
        with run.locked():  # for a moment: a run that is at work holds it
            return "stopped", "ended without a word, as a kill or a crash does; resume= goes on"
    except (InputError, OSError):
        return "running", "a process is at work in it"


def _settings(path: Path, resolved: bool) -> dict[str, Value]:
    if not path.is_file():
        return {}
    config = parsed(path.read_text("utf-8"), path, resolved)
    plain: Any = OmegaConf.to_container(config)
    settings = dict(flat(plain))
    if not resolved:  # what was left open says nothing about how runs differ
        settings = {key: _referred(value, settings) for key, value in settings.items()}
        return {key: value for key, value in settings.items() if value not in (None, "auto")}
    return settings


def _referred(value: Value, settings: Mapping[str, Value]) -> Value:
    """Replaces ``${alpha}`` by the value of alpha; anything else in ``${}`` stays text."""
    reference = re.fullmatch(r"\$\{([\w.]+)\}", value) if isinstance(value, str) else None
    return settings.get(reference[1], value) if reference else value


def _history(path: Path) -> list[Mapping[str, Any]]:
    """Reads evenly spaced lines; what a kill has cut short, or is no record, is left out."""
    lines = path.read_text("utf-8", "replace").splitlines() if path.is_file() else []
    last = len(lines) - 1
    chosen = sorted({round(i * last / (RECORDS - 1)) for i in range(RECORDS)}) if lines else []
    return [record for i in chosen if (record := _record(lines[i])) is not None]


def _record(line: str) -> Mapping[str, Any] | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def _so_far(history: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    numbers = _numbers(history[-1]) if history else {}
    so_far = {
        name: numbers[name] for name in ("evaluations", "seconds", "total") if name in numbers
    }
    return so_far | ({"steps": numbers["step"]} if "step" in numbers else {})


def _numbers(node: Mapping[str, Any]) -> dict[str, float]:
    return {
        key: value
        for key, value in flat(node)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    }
