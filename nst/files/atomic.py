"""Files that are read with a clear line when they cannot be, and written whole or not at all."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from nst.errors import InputError, did_you_mean


def read(path: Path, most: int) -> bytes:
    """Read a file of the user's.

    Args:
        path: The file.
        most: Bytes that a sensible file of this kind has at most.

    Returns:
        Its bytes, at least one.

    Raises:
        InputError: It does not exist (the nearest name in its folder is named), is a folder, a
            device or a pipe, cannot be read, is empty or too large.
    """
    try:
        status = path.stat()
        regular, fits = stat.S_ISREG(status.st_mode), status.st_size <= most
        data = path.read_bytes() if regular and fits else b""
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(_missing(path)) from None
    except (OSError, ValueError) as error:  # ValueError: a name no file can have
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{_short(str(path))!r} cannot be read: {reason}") from error
    if not regular:
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a device or pipe"
        raise InputError(f"{path} is {kind}: give the path of a file")
    if not fits:
        raise InputError(
            f"{path} has {status.st_size / 1e9:.1f} GB, at most {most / 1e9:.1f} are read"
        )
    if not data:
        raise InputError(f"{path} is empty (zero bytes): fetch or save it again")
    return data


def state(path: Path) -> tuple[int, int]:
    """Tell the versions of a file apart: what is remembered of one does not hold for the next.

    Returns:
        When it was changed, and its size; zeros where there is none.
    """
    try:
        status = path.stat()
    except (OSError, ValueError):  # missing, or an impossible name: reading it says which
        return 0, 0
    return status.st_mtime_ns, status.st_size


def folder(path: Path) -> Path:
    """Check a folder of the user's.

    Returns:
        It, with ``~`` expanded.

    Raises:
        InputError: It does not exist (the nearest name beside it is named), or is a file.
    """
    path = Path(os.path.expanduser(path))
    if path.is_dir():
        return path
    if path.exists():
        raise InputError(f"{path} is a file; give the folder of a run or of a sweep")
    beside = path.absolute().parent
    names = [p.name for p in beside.iterdir()] if beside.is_dir() else []
    raise InputError(f"{path} does not exist.{did_you_mean(path.name, names)}")


def _short(name: str) -> str:
    """Cut what cannot be a name, such as an array printed as text, to a line's length."""
    return name if len(name) <= 500 else f"{name[:200]}…{name[-50:]}"


def _missing(path: Path) -> str:
    if path.is_symlink():
        return f"{path} is a link to {os.readlink(path)}, which does not exist"
    folder = path.parent
    if not folder.is_dir():
        return f"{path} does not exist: there is no folder {folder.absolute()}"
    try:
        names = os.listdir(folder)
    except OSError:  # a folder may be passable and yet not readable
        names = []
    return f"{path.absolute()} does not exist.{did_you_mean(path.name, names)}"


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a file beside `path` for writing, and give it that name once all is on the disk.

    On an error inside the block the new file is removed and what stood at `path` stays.

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
    """Write a file so that a reader, or a kill at any moment, finds the old or the new bytes.

    Args:
        path: The file, in a folder that exists.
        data: Its whole content.

    Raises:
        OSError: The folder is missing, not writable, or full.
    """
    with replacing(Path(path)) as file:
        file.write(data)
