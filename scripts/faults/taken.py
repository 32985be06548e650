"""Folders and files taken away from a run at work: one line reports it, nothing else is lost."""

from __future__ import annotations

import ctypes
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from faults.field import COMMAND, Field, Tally, faults, said_in_a_line

CAPABILITIES = 0x20080522  # version 3 of Linux' interface, with two words of 32 bits
LONG = [*COMMAND, "steps=200", "observer.snapshots.every=20"]


def away(field: Field) -> Tally:
    """Removes a run folder, or turns one of its files into a folder, at a random moment."""
    tally = Tally("a folder taken away")
    wounds: list[Callable[[Path], object]] = [_remove, _rename, _obstruct, _empty]
    for number in field.rounds():
        wound, folder = field.chance.choice(wounds), field.here / f"away.{number}"
        command = field.begun(folder, *LONG)
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
        command = field.begun(folder, *LONG, before=_without_capabilities)
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
