"""Stops by signals: of the command, and of the jobs in worker processes of a parallel sweep.

Ctrl-C, the SIGTERM of a scheduler and the SIGHUP of a closed terminal become a `KeyboardInterrupt`,
so that picture and status are written. Workers need more than that: libraries that lend them kill
them as soon as the command ends, so the command tells them first and waits until they have written.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

# Ctrl-C, a scheduler, and a terminal that is closed.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Process:
    """What this process is doing."""

    commands = False  # it runs the command; jobs outside of it are jobs of a worker
    works = False  # on a job
    told = False  # a worker was told to stop: it begins nothing any more


@contextmanager
def commanding(busy: Callable[[], bool]) -> Iterator[None]:
    """Makes this process the one that is stopped, its workers before it.

    Args:
        busy: Tells whether a worker is at work on a job.
    """

    def stop(*_: Any) -> None:
        for number in SIGNALS:  # a second Ctrl-C or SIGTERM does not wait
            signal.signal(number, signal.default_int_handler)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a closing terminal may send it twice
        workers = multiprocessing.active_children()
        for worker in workers:
            os.kill(worker.pid or 0, signal.SIGTERM)
        while workers and busy():
            time.sleep(0.05)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in obeyed()}
    _Process.commands = True
    try:
        yield
    finally:
        _Process.commands = False
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def working() -> Iterator[None]:
    """Lets a signal interrupt a job, wherever it runs; in a worker only the first one counts.

    Raises:
        KeyboardInterrupt: The signal came, perhaps before the job began.
    """
    if not _Process.commands:
        for number in obeyed():
            signal.signal(number, _stop_worker)
    if _Process.told:
        raise KeyboardInterrupt
    _Process.works = True
    try:
        yield
    finally:
        _Process.works = False


def in_worker() -> bool:
    """Tells whether this process works for a command that runs in another one."""
    return not _Process.commands


def obeyed() -> Iterator[signal.Signals]:
    """Yields the signals that stop; ``nohup`` has asked not to be stopped by SIGHUP."""
    for number in SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            yield number


def _stop_worker(*_: Any) -> None:
    if not _Process.told:
        _Process.told = True
        if _Process.works:
            raise KeyboardInterrupt
