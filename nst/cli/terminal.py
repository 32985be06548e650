"""What the terminal shows."""

from __future__ import annotations

import logging


class OneLine(logging.Formatter):
    """Formats log records for the terminal: the message alone. Tracebacks are for run.log."""

    def format(self, record: logging.LogRecord) -> str:
        """Leaves the traceback out."""
        return record.getMessage()
