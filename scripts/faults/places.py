"""Signals at any moment, and odd environments: homes, clocks, folder names."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from faults.field import COMMAND, Command, Field, Tally, faults

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ENDED = (0, 130)
NAMES = ("a b", "it's", 'a "quoted" one', "花", "🖼", "two\nlines", "100%", "a=b,c", "(c) [d] {e}")


def signals(field: Field) -> Tally:
    """Stops runs by signals: picture and reason must be written."""
    tally = Tally("a signal")
    for number in field.rounds():
        tally.tried += 1
        sent, folder = field.chance.choice(STOPPING), field.here / f"stopped.{number}"
        command = _started(field, folder)
        time.sleep(field.chance.uniform(0, 3))
        command.send(sent)
        ended = command.wait()
        what = f"{sent.name} ends it with {ended.status}: {ended.said[-300:]}"
        # Before a run has anything to keep, a closing terminal ends it as any other command.
        early = ended.status == -signal.SIGHUP and not (folder / "config.yaml").exists()
        right = early or ended.status in ENDED
        tally.expect(right and "Traceback" not in ended.said, what)
        for fault in faults(folder):
            tally.expect(False, f"{sent.name}: {fault}")
        if (folder / "config.yaml").exists():
            status = (folder / "status.json").read_text("utf-8")
            tally.expect('"running"' not in status, f"{sent.name} leaves the status running")
            records = folder / "metrics.jsonl"  # before the first one there is no picture
            begun = records.exists() and records.stat().st_size > 0
            shown = (folder / "result.png").exists()
            tally.expect(shown or not begun, f"{sent.name} leaves no picture")
    return tally


def impatience(field: Field) -> Tally:
    """Presses Ctrl-C twice within a second, or closes the pipe that reads what the run says."""
    tally = Tally("Ctrl-C twice, a closed pipe")
    for number in field.rounds():
        tally.tried += 1
        folder, closes = field.here / f"impatient.{number}", field.chance.random() < 0.5
        if closes:
            short = [*COMMAND, f"hydra.run.dir={folder.name}"]
            command = field.begin(*short, before=_close_output)
        else:
            command = _started(field, folder)
            time.sleep(field.chance.uniform(0, 3))
            command.send(signal.SIGINT)
            time.sleep(field.chance.uniform(0, 1))
            command.send(signal.SIGINT)
        ended = command.wait()
        what = f"{'a closed pipe' if closes else 'Ctrl-C twice'}: {ended.status}"
        right = ended.status in ((0,) if closes else ENDED)
        tally.expect(right and "Traceback" not in ended.said, f"{what}: {ended.said[-300:]}")
        for fault in faults(folder):
            tally.expect(False, f"{what}: {fault}")
    return tally


def environments(field: Field) -> Tally:
    """Runs in odd environments."""
    tally = Tally("odd surroundings")
    surroundings: list[tuple[str, Callable[[], object]]] = [
        ("no home", lambda: os.environ.pop("HOME", None)),
        ("a home that is none", lambda: os.environ.update(HOME="/dev/null")),
        ("a clock that runs backwards", _turn_back),
        ("the language C", lambda: os.environ.update(LANG="C", LC_ALL="C", PYTHONUTF8="0")),
        ("a narrow terminal", lambda: os.environ.update(COLUMNS="5", TERM="dumb")),
        *((f"the folder {name!r}", lambda name=name: _move(name)) for name in NAMES),
    ]
    for number, (what, before) in zip(field.rounds(), surroundings, strict=False):
        tally.tried += 1
        folder = field.here / f"odd.{number}"
        ended = field.run(*COMMAND, "steps=2", f"hydra.run.dir={folder}", before=before)
        tally.expect(ended.status == 0, f"{what}: {ended.said[-400:]}")
        tally.expect((folder / "result.png").exists(), f"{what}: no picture")
        for fault in faults(folder):
            tally.expect(False, f"{what}: {fault}")
    return tally


def _started(field: Field, folder: Path) -> Command:
    """Starts a long run; half of the time waits until it is at work."""
    if field.chance.random() < 0.5:
        return field.begun(folder, *COMMAND, "steps=300")
    return field.begin(*COMMAND, "steps=300", f"hydra.run.dir={folder.name}")


def _close_output() -> None:
    """Replaces the terminal by a pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    os.dup2(writer, 1)


def _turn_back() -> None:
    """Sets the clock back by an hour at every call."""
    real, looks = time.time, iter(range(1_000_000))
    time.time = lambda: real() - 3600 * next(looks)


def _move(name: str) -> None:
    """Changes to a folder of that name that contains the images."""
    os.mkdir(name)
    for picture in ("content.png", "style.png"):
        os.symlink(os.path.abspath(picture), os.path.join(name, picture))
    os.chdir(name)
