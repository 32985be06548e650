"""The checkpoint of a run: named arrays in one file, written atomically and checked when read."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

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
    """Writes a checkpoint, creating its folder."""
    path.parent.mkdir(exist_ok=True)
    with replacing(path) as file:
        np.savez(file, allow_pickle=False, **{key: np.asarray(v) for key, v in state.items()})


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
