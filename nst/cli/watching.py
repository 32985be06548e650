"""The report of a sweep while it runs, rewritten now and then by a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

EVERY = 20.0  # seconds between two reports
SHARE = 0.1  # of the time, at most, is spent on them
POLITE = 10  # niceness: jobs come first


@contextmanager
def reported(folder: Path, jobs: int, every: float = EVERY) -> Iterator[None]:
    """Keeps the report of a sweep up to date within the block.

    Args:
        folder: Of the sweep.
        jobs: Number of jobs in all.
        every: Seconds between two reports; more where writing one takes long.
    """
    ended = threading.Event()
    arguments = (folder.absolute(), jobs, every, ended)
    thread = threading.Thread(target=_rewrite, args=arguments, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _rewrite(folder: Path, jobs: int, every: float, ended: threading.Event) -> None:
    command = [sys.executable, "-m", "nst.compare", str(folder), "--running", str(jobs)]
    pause = every
    while not ended.wait(pause):
        begun = time.monotonic()
        # Ctrl-C is not for it: a session of its own. What it says, the last report says again.
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        ) as process:
            os.setpriority(os.PRIO_PROCESS, process.pid, POLITE)
            while process.poll() is None and not ended.wait(0.05):
                pass
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
        pause = max(every, (time.monotonic() - begun) / SHARE)
