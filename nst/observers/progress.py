"""The progress of a run: a bar on a terminal, log lines elsewhere."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from multiprocessing import current_process
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from nst.observers.base import Observer, RunContext
from nst.record import Record

log = logging.getLogger(__name__)


class Progress(Observer):
    """Shows scale, step, losses, speed and time left.

    Args:
        seconds: Time between log lines where there is no bar, > 0.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def start(self, run: RunContext) -> None:
        """Shows the bar on a terminal, unless the workers of a sweep share it."""
        self._run, self._next_line = run, 0.0
        self._first: tuple[int, float] | None = None  # step and seconds
        alone = current_process().name == "MainProcess"
        self._who = "" if alone else f"{run.folder.path.name}: "
        console = Console(stderr=True)
        self._bar = None
        if console.is_terminal and alone:
            self._bar = Bar(
                TextColumn("{task.fields[scale]}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[losses]}"),
                TimeRemainingColumn(compact=True),
                console=console,
            )
            self._task = self._bar.add_task(
                "", total=run.steps, completed=run.first_step, scale="starting", losses=""
            )
            self._bar.start()

    def step(self, record: Record) -> None:
        """Moves the bar, or logs a line when it is due."""
        scale, losses = self._scale(record), self._losses(record)
        if self._bar is not None:
            self._bar.update(self._task, completed=record.step, scale=scale, losses=losses)
        elif record.seconds >= self._next_line or record.last:
            self._next_line = record.seconds + self._seconds
            done = f"step {record.step}/{self._run.steps}"
            log.info("%s%s  %s  %s", self._who, done, scale, losses)

    def finish(self, metrics: Mapping[str, Any]) -> None:
        """Removes the bar."""
        if self._bar is not None:
            self._bar.stop()

    def _scale(self, record: Record) -> str:
        scale = self._run.scales[record.scale]
        return f"{scale.width}×{scale.height} px ({record.scale + 1}/{len(self._run.scales)})"

    def _losses(self, record: Record) -> str:
        terms = "  ".join(f"{name} {value:.3g}" for name, value in record.raw.items())
        if self._first is None:
            self._first = record.step, record.seconds
        steps, seconds = record.step - self._first[0], record.seconds - self._first[1]
        speed = f"  {steps / seconds:.1f} steps/s" if steps and seconds else ""
        return f"total {record.total:.4g}  {terms}{speed}"
