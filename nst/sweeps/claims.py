"""Which process works on which trial of a search: locks that end with the process."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

FILE = ".study.lock"  # in the folder of the sweep


class Claims:
    """Locks on single bytes of a file: the first for choosing trials, one for each trial.

    Of a process that is killed nothing stays locked. There is one object per file and process:
    closing any descriptor of a file would give up all its locks.

    Attributes:
        own: Numbers of the trials that this process has claimed.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        self.own: set[int] = set()

    @contextmanager
    def choosing(self) -> Iterator[None]:
        """Keeps other processes from choosing trials, or waits until they have."""
        while not self._lock(0):
            time.sleep(0.01)
        try:
            yield
        finally:
            self._lock(0, release=True)

    def take(self, number: int) -> bool:
        """Claims a trial; returns False if another process has it."""
        if number in self.own or self._lock(1 + number):
            self.own.add(number)
        return number in self.own

    def _lock(self, place: int, release: bool = False) -> bool:
        try:
            kind = fcntl.LOCK_UN if release else fcntl.LOCK_EX | fcntl.LOCK_NB
            fcntl.lockf(self._file, kind, 1, place)
        except (BlockingIOError, PermissionError):
            return False
        return True


@cache
def claims(folder: Path) -> Claims:
    """Returns the claims of this process in the folder of a search, which must be absolute."""
    return Claims(folder / FILE)
