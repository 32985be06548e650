"""The status of a run and its reason, as written in ``status.json``."""

from __future__ import annotations


def outcome(error: BaseException | None) -> tuple[str, str]:
    """Returns the status and the reason for a run that has ended.

    Args:
        error: The error that ended it, if any.
    """
    if error is None:
        return "completed", "all steps done"
    if not isinstance(error, Exception):  # Ctrl-C, or a cluster preempting the job
        return "interrupted", "stopped from outside; resume= continues from the last checkpoint"
    return "failed", f"{type(error).__name__}: {error}"
