"""How a run stands, and why: the words of ``status.json``."""

from __future__ import annotations


def outcome(error: BaseException | None) -> tuple[str, str]:
    """Returns the status and the reason of a run that has ended.

    Args:
        error: What ended it early, if anything did.
    """
    if error is None:
        return "completed", "all steps made"
    if not isinstance(error, Exception):  # Ctrl-C, or the exit by which a cluster takes a job back
        return "interrupted", "stopped from outside; resume= continues from the last checkpoint"
    return "failed", f"{type(error).__name__}: {error}"
