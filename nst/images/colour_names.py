"""Colours by name and hexadecimal value. Free of TensorFlow."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from PIL import ImageColor

from nst.images.picture import Pixels

NAMES = (  # by which colours are called in messages and on the command line
    *("black", "white", "gray", "red", "lime", "blue", "yellow", "cyan", "magenta", "orange"),
    *("green", "navy", "purple", "maroon", "olive", "teal", "pink", "brown"),
)


def rgb_of(names: Sequence[str]) -> Pixels:
    """Returns the colours of names and hexadecimal values, ``[N, 3]`` in [0, 1].

    Raises:
        ValueError: One is not a colour.
    """
    values = [ImageColor.getrgb(_hashed(name))[:3] for name in names]
    return np.array(values, np.float32) / np.float32(255)


def is_colour(text: str) -> bool:
    """Tells whether a text is the name of a colour or its hexadecimal value."""
    try:
        rgb_of([text])
    except ValueError:
        return False
    return True


def called(colours: Pixels) -> list[str]:
    """Calls colours ``[R, 3]`` by name and hexadecimal value; a name that fits two is left out."""
    shades = rgb_of(NAMES)
    names = [NAMES[np.linalg.norm(shades - colour, axis=-1).argmin()] for colour in colours]
    values = ["#" + "".join(f"{round(255 * float(v)):02x}" for v in colour) for colour in colours]
    return [
        f"{name} {value}" if names.count(name) == 1 else value
        for name, value in zip(names, values, strict=True)
    ]


def _hashed(colour: str) -> str:
    """Restores the # of a hexadecimal value, which shells and Hydra make hard to write."""
    return f"#{colour}" if re.fullmatch(r"[0-9a-fA-F]{6}", colour) else colour
