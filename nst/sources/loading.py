"""Loads the image that a key of the configuration names, with errors that name the key."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from nst import images
from nst.config.overrides import PICTURES, is_several
from nst.errors import InputError
from nst.files.reading import state
from nst.images import Picture
from nst.sources.locations import MEMORY, is_path, locate_image


class PictureError(InputError):
    """A picture cannot be used.

    Attributes:
        key: The setting that names it.
    """

    def __init__(self, key: str, reason: object) -> None:
        """Names the key in the message."""
        super().__init__(f"{key}: {reason}")
        self.key = key


def load_picture(
    key: str,
    name: str,
    given: Mapping[str, Picture],
    sha256: str | None = None,
    enough: int | None = None,
) -> Picture:
    """Loads an image.

    Args:
        key: The setting that names it.
        name: See :func:`nst.sources.locate_image`.
        given: Images in a program's memory, by key.
        sha256: Expected hash of the file; None for any.
        enough: Long side that is wanted later, px, see :func:`nst.images.load`.

    Raises:
        InputError: It cannot be loaded, or has another hash.
    """
    if name.startswith(MEMORY) and key in given:
        return given[key]
    try:
        path = locate_image(name)
        picture = _load(path, state(path), enough)
    except InputError as error:
        raise PictureError(key, _meant_as_several(key, name) or error) from error
    if sha256 is not None and picture.sha256 != str(sha256).lower():
        raise InputError(f"{key}: {name} has the sha256 {picture.sha256}, expected {sha256}")
    return picture


# Those of a run with two styles: the next job of a sweep usually shares most.
@lru_cache(maxsize=3)
def _load(path: Path, state: tuple[int, int], enough: int | None) -> Picture:
    return images.load(path, enough)


def _meant_as_several(key: str, name: str) -> str | None:
    if key not in PICTURES or not is_path(name) or not is_several(name):
        return None
    kind = "a folder" if os.path.isdir(os.path.expanduser(name)) else "a pattern"
    return f"{name} is {kind}: add -m for a job per picture, nst -m {key}='{name}'"


def numbered(key: str, count: int) -> list[str]:
    """Names what a setting has for each style, in messages and for pictures in memory."""
    return [key] if count == 1 else [f"{key}[{n}]" for n in range(count)]
