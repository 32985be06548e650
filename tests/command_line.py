"""Helpers of the tests that start the real command line."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 300  # s


def python(
    *arguments: str, cwd: Path, path: Path | str = ROOT, text: str = ""
) -> subprocess.CompletedProcess[str]:
    """Runs Python to its end; modules come from ``path`` first, ``text`` is its standard input."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(path)},
        input=text,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def begin(*arguments: str, cwd: Path, **options: Any) -> subprocess.Popen[str]:
    """Starts ``python -m nst.run``, which Ctrl-C can stop; its output is to be read."""
    return subprocess.Popen(
        [sys.executable, "-m", "nst.run", *arguments],
        cwd=cwd,
        text=True,
        # A shell in the background has its children ignore Ctrl-C, and they theirs.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        **{"env": {**os.environ, "PYTHONPATH": str(ROOT)}, "stdout": subprocess.PIPE, **options},
    )


def until(process: subprocess.Popen[str], *paths: Path) -> None:
    """Waits until a process has written all these files."""
    deadline = time.monotonic() + PATIENCE
    while not all(path.exists() for path in paths):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, f"{paths} never came"
        time.sleep(0.005)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder by its name."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def changes(folder: Path) -> dict[str, int]:
    """When each file below a folder was last written, ns."""
    return {name: (folder / name).stat().st_mtime_ns for name in contents(folder)}


@contextmanager
def restored() -> Iterator[None]:
    """Puts back what a command line changes in its process: log handlers, a signal, arguments."""
    root = logging.getLogger()
    handlers, level, arguments = root.handlers[:], root.level, sys.argv[:]
    sigterm, environment = signal.getsignal(signal.SIGTERM), os.environ.copy()
    try:
        yield
    finally:
        root.handlers[:], root.level, sys.argv[:] = handlers, level, arguments
        signal.signal(signal.SIGTERM, sigterm)
        os.environ.pop("HYDRA_FULL_ERROR", None)
        os.environ.update(environment)
