"""The names of images: paths, assets of the package, web addresses, and pictures in memory."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import unquote

from nst.errors import InputError, did_you_mean
from nst.features.weights import ASSETS
from nst.files.fetch import fetch_image

ASSET = "asset:"  # bundled with the package, the same on every machine
MEMORY = "memory:"  # passed to nst.stylize() by a program; only the hash is recorded
WEB = ("https://", "http://")
FILE = "file://"  # as a browser or file manager copies the address of a file


def locate_image(name: str) -> Path:
    """Finds the file behind an image's name: a path, ``asset:…``, or a web address (cached).

    Raises:
        InputError: There is no such asset, the address does not answer, or the image existed only
            in a program's memory.
    """
    if name.startswith(MEMORY):
        raise InputError("this image existed only in a program's memory: name a file instead")
    if name.startswith(WEB):
        return fetch_image(name)
    if name.startswith(FILE):
        return Path(unquote(name.removeprefix(FILE)))
    if not name.startswith(ASSET):
        return Path(os.path.expanduser(name)).absolute()
    path = ASSETS / name.removeprefix(ASSET)
    if not path.is_file() or not path.resolve().is_relative_to(ASSETS.resolve()):
        assets = [f"{ASSET}{p.relative_to(ASSETS)}" for p in ASSETS.glob("*/*.*")]
        raise InputError(f"nothing called {name} ships with nst.{did_you_mean(name, assets)}")
    return path


def is_path(name: str) -> bool:
    """Tells whether a name is a path: no asset, address or picture in memory."""
    return not name.startswith((*WEB, ASSET, MEMORY))


def recorded_name(name: str) -> str:
    """Returns the name of an image as a run records it: paths become absolute."""
    return str(locate_image(name)) if is_path(name) else name
