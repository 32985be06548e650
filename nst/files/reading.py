"""Files and folders that the user names, with a clear line when they cannot be read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from nst.errors import InputError, did_you_mean


def read(path: Path, most: int) -> bytes:
    """Reads a file of the user's.

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
    """Tells the versions of a file apart: what is remembered of one does not hold for the next.

    Returns:
        When it was changed, and its size; zeros where there is none.
    """
    try:
        status = path.stat()
    except (OSError, ValueError):  # missing, or an impossible name: reading it says which
        return 0, 0
    return status.st_mtime_ns, status.st_size


def folder(path: Path) -> Path:
    """Checks a folder of the user's.

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
    """Cuts what cannot be a name, such as an array printed as text, to a line's length."""
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
