"""Short names for folders, made from what a run is about. Free of TensorFlow."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

MAX_LENGTH = 60  # characters; with number and time it stays far below every file system's limit


def slug(text: str) -> str:
    """Reduces any text to letters, digits, ``.``, ``=``, ``+``, ``-`` and ``_``, at most 60 long."""
    return re.sub(r"[^\w.=+-]+", "_", text, flags=re.ASCII).strip("._-")[:MAX_LENGTH] or "run"


def stem(image: str) -> str:
    """Names an image by its file name without the ending: ``a/night sky.jpg`` → ``night_sky``."""
    return slug(PurePosixPath(str(image).split("?")[0].replace("\\", "/")).stem)[:24]


def label(overrides: Sequence[str]) -> str:
    """Names a job of a sweep by its overrides: ``[alpha=1000.0, style=wave]`` → ``alpha=1000_style=wave``.

    Only the last part of a key is kept, images are named by their stems.
    """
    return slug("_".join(_short(override) for override in overrides))


def _short(override: str) -> str:
    key, _, value = override.partition("=")
    if key.endswith("image"):
        key, value = key.split(".")[0], stem(value)
    value = re.sub(r"^(-?\d+)\.0$", r"\1", value)
    return f"{key.split('.')[-1]}={value}"
