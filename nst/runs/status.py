"""The status of a run and its reason, as written in ``status.json``."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from nst.errors import Pruned
from nst.runs.folder import STATUS, RunFolder

log = logging.getLogger(__name__)


def outcome(error: BaseException | None) -> tuple[str, str]:
    """Returns the status and the reason for a run that has ended.

    Args:
        error: The error that ended it, if any.
    """
    if error is None:
        return "completed", "all steps done"
    if isinstance(error, Pruned):
        return "pruned", str(error)
    if not isinstance(error, Exception):  # Ctrl-C, or a cluster preempting the job
        return "interrupted", "stopped from outside; resume= goes on, from a checkpoint if any"
    return "failed", f"{type(error).__name__}: {error}"


@contextmanager
def reporting(folder: RunFolder) -> Iterator[None]:
    """Writes the status of a run that ends before its ``Recording`` begins.

    It also corrects one that was left as running, or as failed where it was interrupted. A resumed
    run that fails that early keeps its status.
    """
    before = _status_bytes(folder)
    try:
        yield
    except BaseException as error:
        now = _status_bytes(folder)
        mistaken = ("running",) if isinstance(error, Exception) else ("running", "failed")
        if now is None or (now != before and folder.status.get("status") in mistaken):
            _report(folder, error)
        raise


def _status_bytes(folder: RunFolder) -> bytes | None:
    path = folder.path / STATUS
    return path.read_bytes() if path.is_file() else None


def _report(folder: RunFolder, error: BaseException) -> None:
    status, reason = outcome(error)
    try:
        folder.write_status(status, reason=reason)
    except OSError as unwritten:
        log.warning("the status could not be written: %s", unwritten)
