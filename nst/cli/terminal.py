"""The log format of the terminal."""

from __future__ import annotations

import logging


class OneLine(logging.Formatter):
    """Formats log records for the terminal: the message alone; tracebacks go to run.log."""

    def format(self, record: logging.LogRecord) -> str:
        """Formats a record without its traceback."""
        return record.getMessage()
