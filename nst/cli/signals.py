"""Stopping by signals: the command, and jobs in the worker processes of a parallel sweep.

Ctrl-C, a scheduler's SIGTERM and the SIGHUP of a closed terminal become a ``KeyboardInterrupt``,
so that picture and status are written. Worker processes are killed by their library as soon as the
command ends, so the command signals them first and waits until they have written.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

# Ctrl-C, a scheduler, a closed terminal.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _Process:
    """The state of this process."""

    commands = False  # runs the command; in other processes a job is a worker's
    works = False  # runs a job
    stopping = False  # was signalled: it starts no further job


@contextmanager
def commanding(busy: Callable[[], bool]) -> Iterator[None]:
    """Stops this process on a signal, after its workers.

    Args:
        busy: Returns whether a worker is running a job.
    """

    def stop(*_: Any) -> None:
        for number in SIGNALS:  # a second Ctrl-C or SIGTERM does not wait
            signal.signal(number, signal.default_int_handler)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # a closing terminal may send it twice
        _Process.stopping = True
        workers = multiprocessing.active_children()
        for worker in workers:
            worker.terminate()
        while workers and busy():
            time.sleep(0.05)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in obeyed()}
    _Process.commands, _Process.stopping = True, False
    try:
        yield
    finally:
        _Process.commands = _Process.stopping = False
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def working() -> Iterator[None]:
    """Lets a signal interrupt a job, in any process; in a worker only the first one counts.

    Raises:
        KeyboardInterrupt: A signal came, perhaps before the job began.
    """
    if not _Process.commands:
        for number in obeyed():
            signal.signal(number, _stop_worker)
    if _Process.stopping:
        raise KeyboardInterrupt
    _Process.works = True
    try:
        yield
    except Exception as error:
        if _Process.stopping:  # C code that was running has turned the interrupt into this error
            raise KeyboardInterrupt from error
        raise
    finally:
        _Process.works = False


def in_worker() -> bool:
    """Returns whether this is a worker process of a command running in another one."""
    return not _Process.commands


def obeyed() -> Iterator[signal.Signals]:
    """Yields the signals that stop a run; under ``nohup`` SIGHUP does not."""
    for number in SIGNALS:
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            yield number


def _stop_worker(*_: Any) -> None:
    if not _Process.stopping:
        _Process.stopping = True
        if _Process.works:
            raise KeyboardInterrupt
