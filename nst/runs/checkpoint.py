"""The checkpoint of a run: named arrays in one file, written atomically and checked when read."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
import numpy.typing as npt

from nst.errors import InputError
from nst.files.atomic import replacing

State = dict[str, npt.NDArray[Any]]


class Restorable(Protocol):
    """What can be restored from a checkpoint: the loop of a run."""

    def restore(self, state: Mapping[str, npt.NDArray[Any]]) -> None:
        """Restores a state."""


def save(path: Path, state: Mapping[str, npt.ArrayLike]) -> None:
    """Writes a checkpoint, creating its folder.

    Args:
        path: The file, as :func:`numpy.savez` writes it.
        state: Arrays, and lists of arrays of one shape.
    """
    path.parent.mkdir(exist_ok=True)
    with replacing(path) as file, zipfile.ZipFile(file, "w") as archive:
        for key, value in state.items():
            with archive.open(f"{key}.npy", "w", force_zip64=True) as entry:
                _write(entry, value)


def _write(entry: IO[bytes], value: npt.ArrayLike) -> None:
    """Writes an array, or a list of images as one array, without a copy of all of them."""
    if not isinstance(value, list) or not value:
        np.lib.format.write_array(entry, np.asarray(value), allow_pickle=False)
        return
    first = np.asarray(value[0])
    header = np.lib.format.header_data_from_array_1_0(first)
    np.lib.format.write_array_header_1_0(entry, header | {"shape": (len(value), *first.shape)})
    for image in value:
        entry.write(np.ascontiguousarray(image).data)


def load(path: Path) -> State | None:
    """Reads a checkpoint; returns None if there is none.

    Raises:
        InputError: The file is damaged, or holds anything but arrays of numbers.
        OSError: It cannot be read.
    """
    if not path.is_file():
        return None
    data = io.BytesIO(path.read_bytes())
    try:
        with np.lib.npyio.NpzFile(data, allow_pickle=False) as arrays:
            return dict(arrays)
    except Exception as error:  # NumPy and zipfile raise many kinds on truncated or forged files
        raise damaged(path, error) from error


def restore(path: Path, run: Restorable, state: State) -> None:
    """Restores a run from a checkpoint read from ``path``.

    Raises:
        InputError: The state does not fit a run with this configuration.
    """
    try:
        run.restore(state)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise damaged(path, error) from error


def damaged(path: Path, error: Exception) -> InputError:
    """Makes the error for an unusable checkpoint: what is wrong, and what to do."""
    reason = " ".join(str(error).split()) or type(error).__name__
    return InputError(
        f"{path} is damaged or belongs to another configuration ({reason}); delete it to start "
        f"from the beginning"
    )
