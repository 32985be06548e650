"""Checks a file of weights before a run.

A damaged one would end the run at its start or, the one that evaluates, at its very end.
"""

from __future__ import annotations

import os
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

from nst.errors import InputError
from nst.features.vgg import layer_channels
from nst.features.weights import Source


def check_file(key: str, path: str | None) -> None:
    """Checks that a path of the user's, if there is anything, leads to a file.

    Raises:
        InputError: It leads to a folder, a device or a pipe, or a link to nothing.
    """
    file = Path(os.path.expanduser(path or "."))
    if path is None or file.is_file() or not os.path.lexists(file):
        return
    kind = "a folder" if file.is_dir() else "a device, a pipe, or a link to nothing"
    raise InputError(f"{key}: {file} is {kind}: give the path of a file")


def changed_weights(source: Source, sha256: str | None) -> str | None:
    """Says how a file differs from the one that a run has recorded; None if it does not.

    Args:
        source: The file.
        sha256: Expected hash; None for any.
    """
    if sha256 is None or source.sha256 == sha256.lower():
        return None
    return f"{source.path} has the sha256 {source.sha256[:12]}, expected {sha256[:12]}"


def check_kernels(source: Source) -> None:
    """Checks that a file is whole and has the kernels of its network; reads no numbers.

    Raises:
        InputError: It is damaged, or of another network.
    """
    if source.path.suffix != ".h5":
        return
    found = _kernels(source.path)
    if source.application is not None:
        return
    channels = [3, *(n for name, n in layer_channels(source.network).items() if "conv" in name)]
    wanted: Counter[tuple[int, ...]] = Counter((3, 3, *ends) for ends in pairwise(channels))
    if missing := wanted - found:
        raise InputError(
            f"{source.path} does not hold weights of Keras' {source.network}: it lacks a kernel of "
            f"the shape {min(missing)}"
        )


def _kernels(path: Path) -> Counter[tuple[int, ...]]:
    import h5py  # type: ignore[import-untyped]  # takes a moment

    found: Counter[tuple[int, ...]] = Counter()

    def visit(_: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset) and len(node.shape) == 4:
            found[node.shape] += 1

    try:
        with h5py.File(path) as file:
            file.visititems(visit)
    except (OSError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} is damaged, or not an HDF5 file: {reason}") from error
    return found
