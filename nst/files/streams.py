"""Standard output and error that outlast their reader: a pipe, a terminal, or none at all."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Any


class _Lasting(io.RawIOBase):
    """Writes to a descriptor; what comes after its reader has gone is dropped."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def write(self, data: Any) -> int:
        try:
            return os.write(self._descriptor, data)
        except OSError as error:
            if error.errno not in (errno.EPIPE, errno.EIO):  # a pipe, a terminal that was closed
                raise
            return len(data)


def keep_streams() -> None:
    """Keeps a command running when its output is closed or its encoding lacks a character.

    Characters that the encoding lacks become question marks; a closed stream swallows what it gets.
    """
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        stream = getattr(sys, name)
        if stream is None:  # closed before the command began
            os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
        raw = _Lasting(descriptor)
        lasting = io.TextIOWrapper(
            io.BufferedWriter(raw),
            encoding=getattr(stream, "encoding", None) or "utf-8",
            errors="replace",
            line_buffering=name == "stderr" or raw.isatty(),
        )
        setattr(sys, name, lasting)
