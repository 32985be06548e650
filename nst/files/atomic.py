"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Opens a file beside ``path`` for writing, and gives it that name once all is on the disk.

    On an error inside the block the new file is removed and what stood at ``path`` stays.

    Args:
        path: The final name, in a folder that exists.

    Yields:
        The file to write into.

    Raises:
        OSError: The folder is missing, not writable, or full.
    """
    beside = path.with_name(f".{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        # "xb", not mkstemp: the file gets the permissions that the user's umask asks for.
        with beside.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def write_atomic(path: str | Path, data: bytes) -> None:
    """Writes a file so that a reader, or a kill at any moment, finds the old or the new bytes.

    Args:
        path: The file, in a folder that exists.
        data: Its whole content.

    Raises:
        OSError: The folder is missing, not writable, or full.
    """
    with replacing(Path(path)) as file:
        file.write(data)
