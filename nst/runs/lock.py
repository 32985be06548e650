"""A lock on a folder. The system releases the lock of a process that is killed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nst.errors import InputError

try:
    import fcntl
except ModuleNotFoundError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCK = ".lock"  # used only where a folder itself cannot be locked


@contextmanager
def locked(folder: Path, patience: float = 0.0, shared: bool = False) -> Iterator[None]:
    """Locks a folder against other processes and other threads of this one.

    Args:
        folder: The folder.
        patience: Seconds to wait: who looks whether a run is at work holds the lock for a moment.
        shared: Whether others that share it may lock it as well.

    Raises:
        InputError: Another process is using it.
        FileNotFoundError: There is no such folder.
    """
    end = time.monotonic() + patience
    descriptor = os.open(folder, os.O_RDONLY) if fcntl else _lock_file(folder)
    try:
        while not _taken(descriptor, shared):
            if time.monotonic() >= end:
                raise InputError(f"another process is using {folder}")
            time.sleep(0.01)
        yield
    finally:
        os.close(descriptor)


def _lock_file(folder: Path) -> int:
    return os.open(folder / LOCK, os.O_RDWR | os.O_CREAT)


def _taken(descriptor: int, shared: bool) -> bool:
    try:
        if fcntl:
            fcntl.flock(descriptor, fcntl.LOCK_NB | (fcntl.LOCK_SH if shared else fcntl.LOCK_EX))
        else:
            msvcrt: Any = __import__("msvcrt")  # typed on Windows only
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    except (BlockingIOError, PermissionError):
        return False
    return True
