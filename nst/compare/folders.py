"""Finds run folders and names them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from nst.compare.load import PLANNED
from nst.errors import InputError, printable
from nst.files import reading
from nst.runs.folder import CONFIG, STATUS

SWEEP = "multirun.yaml"  # Hydra's, in the folder of a sweep


def is_run(folder: Path) -> bool:
    """Tells whether a folder is that of a run."""
    return not (folder / SWEEP).is_file() and any(
        (folder / name).is_file() for name in (CONFIG, STATUS, PLANNED)
    )


def find(folders: Iterable[Path]) -> list[Path]:
    """Finds the run folders among folders and right below them, in natural order, each once.

    Raises:
        InputError: A folder does not exist, is a file, cannot be read, or holds no run.
    """
    found: dict[Path, Path] = {}
    for folder in folders:
        try:
            found |= {run.resolve(): run for run in _runs_of(folder)}
        except OSError as error:
            raise InputError(f"cannot read {folder}: {error.strerror}") from error
    return list(found.values())


def _runs_of(folder: Path) -> list[Path]:
    if is_run(reading.folder(folder)):
        return [folder]
    below = sorted((path for path in folder.iterdir() if path.is_dir()), key=_natural)
    runs = [path for path in below if is_run(path)]
    if not runs:
        deeper = [str(path) for path in below if any(is_run(p) for p in path.glob("*/"))]
        hint = f" Folders below it do: {', '.join(deeper[:3])}" if deeper else ""
        raise InputError(
            f"{folder} is no run folder and contains none (no {CONFIG}, no {STATUS}).{hint}"
        )
    return runs


def _natural(path: Path) -> tuple[int, str]:
    """Sorts ``10_…`` behind ``9_…``."""
    number = path.name.split("_")[0]
    return (int(number) if number.isdecimal() else -1, path.name)


def names(folders: Sequence[Path]) -> list[str]:
    """Names folders by their paths below what they have in common."""
    absolute = [folder.resolve() for folder in folders]
    common = os.path.commonpath([folder.parent for folder in absolute])
    return [printable(folder.relative_to(common).as_posix()) for folder in absolute]
