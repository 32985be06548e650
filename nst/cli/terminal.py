"""How log records reach the terminal and ``run.log``."""

from __future__ import annotations

import logging
import sys


class OneLine(logging.Formatter):
    """Formats log records for the terminal: the message alone; tracebacks go to run.log."""

    def format(self, record: logging.LogRecord) -> str:
        """Formats a record without its traceback."""
        return record.getMessage()


class RunLog(logging.FileHandler):
    """Writes ``run.log``. On a full disk the run's own error is what matters.

    ``logging`` would print a traceback for each record that cannot be written.
    """

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (logging's name)
        """Passes over records that the disk does not take; other errors are mistakes of ours."""
        if not isinstance(sys.exception(), OSError):
            super().handleError(record)
