"""Reads run folders, whether finished, running, stopped, damaged or of another version.

A folder may come from anywhere. What it holds is only read: no class that it names is built, no
resolver called, no link followed out of it, and text comes out printable.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml  # type: ignore[import-untyped]
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from nst.config.settings import Value, flat
from nst.errors import InputError, printable
from nst.metrics.table import ABSURD
from nst.runs.folder import (
    CONFIG,
    HISTORY,
    METRICS,
    STATUS,
    RunFolder,
    is_own,
    result_name,
    small,
)
from nst.runs.provenance import parsed

PLANNED = ".hydra/config.yaml"  # what a job was started with; CONFIG is what it resolved to
RECORDS = 200  # lines of the history that are kept, enough for a curve
REFERENCE = re.compile(r"\$\{([\w.]+)\}")  # to another key; ${oc.env:HOME} is none
UNREADABLE = (
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
class RunRecord:
    """What is known of one run.

    Attributes:
        folder: The run folder.
        name: The shortest path that tells it from the other runs.
        state: As ``status.json`` says; ``stopped`` where it says running and no process is,
            ``damaged`` where a file cannot be read.
        reason: Why, as far as known.
        config: The configuration, flat: ``{"loss.tv.weight": 100.0}``.
        resolved: Whether ``auto`` has been decided in it.
        metrics: Every number of ``metrics.json``, flat; else what the history says.
        history: The numbers of up to ``RECORDS`` lines of ``metrics.jsonl``, flat:
            ``{"raw.content": 0.2}``; first and last line included.
        settings: What people set, see :mod:`nst.compare.settings`; empty until it is filled in.
    """

    folder: Path
    name: str
    state: str
    reason: str
    config: Mapping[str, Value]
    resolved: bool
    metrics: Mapping[str, float]
    history: Sequence[Mapping[str, float]]
    settings: Mapping[str, Value] = field(default_factory=dict)

    @property
    def picture(self) -> Path | None:
        """The result, or the last snapshot of a run that was killed; None where there is none."""
        snapshots = sorted(self.folder.glob("snapshots/*.png"))
        paths = (self.folder / _result(self.config), *reversed(snapshots))
        return next((p for p in paths if p.is_file() and is_own(self.folder, p)), None)


def read(folder: Path, name: str) -> RunRecord:
    """Reads a run folder; nothing in it can make this fail."""
    faults: list[str] = []

    def part(file: str, reader: Callable[[], T]) -> T | None:
        try:
            if not is_own(folder, folder / file):
                raise InputError(f"{file} is a link that leads out of the folder: it is not read")
            return reader()
        except RecursionError:
            faults.append(f"{file} is damaged: nested too deeply")
        except UNREADABLE as error:
            text = " ".join(str(error).split())
            faults.append(text if file in text else f"{file} is damaged: {text}")
        return None

    run = RunFolder(folder)
    status = part(STATUS, lambda: run.status) or {}
    resolved = (folder / CONFIG).is_file()
    recorded = CONFIG if resolved else PLANNED
    config = part(recorded, lambda: _config(folder / recorded, resolved)) or {}
    history = part(HISTORY, lambda: _history(folder / HISTORY)) or []
    metrics = _latest(history) | (part(METRICS, lambda: _numbers(run.metrics)) or {})
    part(_result(config), lambda: None)
    if not config and not faults and status.get("status") in (None, "completed"):
        faults.append("it holds no configuration")
    state, reason = ("damaged", "; ".join(faults)) if faults else _state(run, status)
    return RunRecord(
        folder, name, printable(state), printable(reason), config, resolved, metrics, history
    )


def _result(config: Mapping[str, Value]) -> str:
    named = {key: config.get(f"output.{key}") for key in ("name", "format")}
    return result_name(named if all(named.values()) else None)


def _state(run: RunFolder, status: Mapping[str, Any]) -> tuple[str, str]:
    state, reason = str(status.get("status", "running")), str(status.get("reason") or "")
    if state != "running":
        return state, reason
    if run.busy():
        return "running", "a process is working on it"
    return "stopped", "its process was killed or crashed; resume= continues it"


def _config(path: Path, resolved: bool) -> dict[str, Value]:
    if not path.is_file():
        return {}
    recorded: Any = OmegaConf.to_container(parsed(small(path).decode(), path, interpolations=True))
    config = _dereferenced({printable(key): _plain(value) for key, value in flat(recorded)})
    if not resolved:  # what was left open says nothing about how runs differ
        return {key: value for key, value in config.items() if value not in (None, "auto")}
    return config


def _dereferenced(config: Mapping[str, Value]) -> dict[str, Value]:
    """Replaces ``${alpha}`` by what alpha is; any other interpolation stays text.

    Raises:
        InputError: A reference leads nowhere.
    """
    found: dict[str, Value] = {}
    for key, value in config.items():
        passed = {key}
        while isinstance(value, str) and (match := REFERENCE.fullmatch(value)):
            if match[1] in passed or match[1] not in config:
                raise InputError(f"{key} refers to {value}, which has no value")
            passed.add(match[1])
            value = config[match[1]]
        found[key] = value
    return found


def _plain(value: Value) -> Value:
    """Makes text printable, also of ``nan`` and ``inf``: they equal nothing, or order nothing."""
    if isinstance(value, tuple):
        return tuple(map(printable, value))
    if isinstance(value, str) or (isinstance(value, float) and not math.isfinite(value)):
        return printable(str(value))
    return value


def _history(path: Path) -> list[Mapping[str, float]]:
    """Reads evenly spaced lines; a line cut short by a kill, or no record, is left out."""
    lines = path.read_text("utf-8", "replace").splitlines() if path.is_file() else []
    last = len(lines) - 1
    chosen = sorted({round(i * last / (RECORDS - 1)) for i in range(RECORDS)}) if lines else []
    return [record for i in chosen if (record := _record(lines[i])) is not None]


def _record(line: str) -> Mapping[str, float] | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return _numbers(record) if isinstance(record, dict) else None


def _latest(history: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Takes from the last record what ``metrics.json`` would say as well."""
    record = history[-1] if history else {}
    renamed = {
        "evaluations": "evaluations",
        "seconds": "seconds",
        "total": "total",
        "step": "steps",
    }
    return {new: record[old] for old, new in renamed.items() if old in record}


def _numbers(node: Mapping[str, Any]) -> dict[str, float]:
    """Lists the numbers of nested mappings, flat; without ``NaN``, infinite and absurd ones."""
    return {
        printable(key): value
        for key, value in flat(node)
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < ABSURD
    }
