"""Folders and files taken away from a run at work: one line reports it, nothing else is lost."""

from __future__ import annotations

import ctypes
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from faults.field import COMMAND, Command, Field, Tally, faults, said_in_a_line

CAPABILITIES = 0x20080522  # version 3 of Linux' interface, with two words of 32 bits
BEGUN = 30.0  # seconds within which a run has written its first files


def away(field: Field) -> Tally:
    """Removes a run folder, or turns one of its files into a folder, at a random moment."""
    tally = Tally("a folder taken away")
    wounds: list[Callable[[Path], object]] = [_remove, _rename, _obstruct, _empty]
    for number in field.rounds():
        wound, folder = field.chance.choice(wounds), field.here / f"away.{number}"
        command = _begun(field, folder)
        time.sleep(field.chance.uniform(0, 1.5))
        wound(folder)
        ended = command.wait()
        tally.tried += 1
        what = f"{wound.__name__}: exit status {ended.status}: {ended.said[-400:]}"
        tally.expect(ended.status == 0 or (ended.status == 1 and said_in_a_line(ended)), what)
        if wound in (_obstruct, _rename):
            for fault in faults(folder):
                tally.expect(False, f"{wound.__name__}: {fault}")
    return tally


def permissions(field: Field) -> Tally:
    """Takes from a run the permission to write its own folder."""
    tally = Tally("a permission taken away")
    for number in field.rounds():
        folder = field.here / f"closed.{number}"
        command = _begun(field, folder, before=_without_capabilities)
        time.sleep(field.chance.uniform(0, 1.5))
        closed = [folder, *(path for path in folder.glob("*") if path.is_dir())]
        for path in closed:
            path.chmod(0o555)
        ended = command.wait()
        tally.tried += 1
        what = f"exit status {ended.status}: {ended.said[-400:]}"
        tally.expect(ended.status == 0 or (ended.status == 1 and said_in_a_line(ended)), what)
        for path in closed:
            path.chmod(0o755)
        for fault in faults(folder):
            tally.expect(False, f"{fault}: {ended.said[-400:]}")
    return tally


def _begun(field: Field, folder: Path, before: Callable[[], object] = lambda: None) -> Command:
    """Starts a run and waits until it has written its configuration."""
    start = [*COMMAND, "steps=200", "observer.snapshots.every=20", f"hydra.run.dir={folder.name}"]
    command = field.begin(*start, before=before)
    deadline = time.monotonic() + BEGUN
    while not (folder / "config.yaml").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    return command


def _without_capabilities() -> None:
    """Binds root to permissions, like any other user."""
    header, none = (ctypes.c_uint32 * 2)(CAPABILITIES, 0), (ctypes.c_uint32 * 6)()
    if ctypes.CDLL(None, use_errno=True).capset(header, none):
        raise OSError(ctypes.get_errno(), "capset")


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _rename(folder: Path) -> None:
    folder.rename(folder.with_name(f"{folder.name}.moved"))


def _obstruct(folder: Path) -> None:
    """Turns the file of the result into a folder."""
    (folder / "result.png").unlink(missing_ok=True)
    (folder / "result.png").mkdir()
    (folder / "result.png" / "a").touch()


def _empty(folder: Path) -> None:
    """Removes the folders below the run folder."""
    for path in folder.glob("*"):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
