"""The end of a command: its message and its exit status."""

from __future__ import annotations

import logging
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nst.config import USER_ERRORS, explain, quoted
from nst.errors import COMPLETED, FAILED, INTERRUPTED, WRONG_INPUT, InputError
from nst.files.atomic import write_atomic
from nst.runs.folder import CONFIG, METRICS, STATUS, RunFolder
from nst.sweeps.plan import Sweep

log = logging.getLogger(__name__)


def say(error: BaseException, folder: RunFolder | None = None) -> int:
    """Prints in one line what went wrong, and returns the exit status.

    Args:
        error: What ended the command.
        folder: Of the run that it ended, if it had begun.
    """
    if isinstance(error, KeyboardInterrupt) or _by_interrupt(error):
        status, text = INTERRUPTED, "interrupted"
        if folder is not None and folder.result.is_file():
            again = shlex.quote(f"resume={folder.path}")
            text += f"; the picture so far is {folder.result}, and nst {again} goes on"
    elif isinstance(error, USER_ERRORS):
        status, text = WRONG_INPUT, explain(error)
    else:
        log.error("the run failed; see its run.log", exc_info=error)
        reason = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, MemoryError):
            reason += "; a smaller size= or runtime.tile= takes less memory"
        status, text = FAILED, f"the run failed: {reason}"
    print(f"nst: {text}", file=sys.stderr)
    return status


@contextmanager
def kept_if_refused(folder: RunFolder) -> Iterator[None]:
    """Leaves the record of a run as it was if its resumption turns out to be wrong input.

    A checkpoint is checked only after log, configuration and status have been rewritten.
    """
    paths = [folder.path / name for name in (CONFIG, STATUS, METRICS, "run.log")]
    before = {path: path.read_bytes() for path in paths if path.is_file()}
    try:
        yield
    except SystemExit as end:
        if end.code == WRONG_INPUT:
            for path in paths:
                if path in before:
                    write_atomic(path, before[path])
                elif path.is_file():
                    path.unlink()
        raise


def _by_interrupt(error: BaseException) -> bool:
    """Returns whether an error of Hydra's is what it made of a Ctrl-C while composing."""
    source: BaseException | None = error if isinstance(error, USER_ERRORS) else None
    while source is not None and not isinstance(source, KeyboardInterrupt):
        source = source.__cause__ or source.__context__
    return source is not None


def report(sweep: Sweep) -> int:
    """Prints how every job of a sweep ended, and writes the comparison of those that started.

    Returns:
        The exit status.
    """
    folders = sweep.folders()
    if any(folder.path.is_dir() for folder in folders):
        _compare(sweep.folder)
    states = [_state(folder) for folder in folders]
    for folder, state in zip(folders, states, strict=True):
        if state == "not run":
            print(f"not run: {folder.path.name}")
    if sweep.finished(states):
        return COMPLETED
    print(f"To continue, repeat the command with hydra.sweep.dir={quoted(sweep.folder)}")
    return FAILED


def _compare(folder: Path) -> None:
    from nst.compare.cli import main  # imported here: --help need not wait for it

    try:
        main([str(folder)])
    except Exception as error:  # the jobs have ended, whatever happens to their report
        print(f"nst: the comparison failed: {error} (python -m nst.compare '{folder}' shows where)")


def _state(folder: RunFolder) -> str:
    """Returns ``completed``, ``interrupted``, ``stopped``, ``not run`` and the like."""
    try:
        state = str(folder.status.get("status", "not run"))
    except InputError:  # damaged, as the comparison reports
        return "failed"
    return "stopped" if state == "running" and not folder.busy() else state  # it was killed
