"""Observers that write plain files: metrics.jsonl, snapshots/, checkpoints/."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import IO, Any

from nst.files.atomic import write_atomic
from nst.files.objects import to_json
from nst.observers.base import Observer, RunContext, at_most
from nst.record import Record
from nst.runs.folder import HISTORY


def due(record: Record, every: int) -> bool:
    """Returns whether an observer with this cadence acts on a record; always true for the last."""
    return record.step % every == 0 or record.last


class Metrics(Observer):
    """Writes ``metrics.jsonl``, one object per line, flushed at once.

    Args:
        every: Number of steps between lines, >= 1.
    """

    def __init__(self, every: int = 1) -> None:
        self._every = every
        self._file: IO[str] | None = None

    def start(self, run: RunContext) -> None:
        """Opens the file; in a resumed run, drops the lines after the checkpoint."""
        kept = [line for line in run.folder.history() if line["step"] < run.first_step]
        path = run.folder.path / HISTORY
        write_atomic(path, "".join(to_json(line) + "\n" for line in kept).encode())
        self._file = path.open("a", encoding="utf-8")

    def step(self, record: Record) -> None:
        """Writes a line."""
        assert self._file is not None
        if due(record, self._every):
            self._file.write(to_json(as_line(record)) + "\n")
            self._file.flush()

    def finish(self, metrics: Mapping[str, Any]) -> None:
        """Closes the file."""
        if self._file is not None:
            self._file.close()


def as_line(record: Record) -> dict[str, Any]:
    """Returns the object of a line; layers are named ``term/layer``."""
    return {
        "step": record.step,
        "scale": record.scale,
        "evaluations": record.evaluations,
        "seconds": round(record.seconds, 3),
        "total": record.total,
        "raw": record.raw,
        "weighted": record.weighted,
        "layers": {f"{t}/{p}": v for t, parts in record.parts.items() for p, v in parts.items()},
        "gradient": dict(record.gradient),
    }


class Snapshots(Observer):
    """Writes the image as ``snapshots/<step>.png``, at most 1024 px large.

    Args:
        every: Number of steps between files, >= 1.
    """

    def __init__(self, every: int) -> None:
        self._every = every

    def start(self, run: RunContext) -> None:
        """Creates the folder."""
        self._run, self._folder = run, run.folder.path / "snapshots"
        self._folder.mkdir(exist_ok=True)

    def step(self, record: Record) -> None:
        """Writes a file."""
        if due(record, self._every):
            data = self._run.encode(at_most(record.image.numpy()[0]))
            write_atomic(self._folder / f"{record.step:06d}.png", data)


class Checkpoints(Observer):
    """Writes what ``resume=`` needs to ``checkpoints/latest.npz``.

    A kill loses at most ``every`` steps, or about ``seconds`` where steps are slow.
    The end of a run is not saved: its optimizer has let go of what more steps would need.

    Args:
        every: Most steps between checkpoints, >= 1.
        seconds: Time after which one is due earlier, > 0.
    """

    def __init__(self, every: int, seconds: float = math.inf) -> None:
        self._every, self._seconds = every, seconds
        self._saved: float | None = None

    def start(self, run: RunContext) -> None:
        """Remembers the run."""
        self._run = run

    def step(self, record: Record) -> None:
        """Saves the state if that is due."""
        if record.last:
            return
        if self._saved is None:
            self._saved = record.seconds
        late = record.seconds - self._saved >= self._seconds
        if late or (record.step + 1) % self._every == 0:
            self._run.folder.save_checkpoint(self._run.state())
            self._saved = record.seconds
