"""Short names for folders, from the images and overrides of a run. Free of TensorFlow."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote

from omegaconf import ListConfig

MAX_LENGTH = 60  # characters; with number and time it stays far below every file system's limit


def listed(value: Any, count: int = 1) -> list[Any]:
    """Returns the items of a list; any other value ``count`` times."""
    return list(value) if isinstance(value, list | tuple | ListConfig) else [value] * count


def slug(text: str) -> str:
    """Reduces a text to at most 60 ASCII letters, digits, ``.``, ``=``, ``+``, ``-`` and ``_``.

    Letters lose their accents.
    """
    accents_apart = unicodedata.normalize("NFKD", text)
    plain = "".join(c for c in accents_apart if not unicodedata.combining(c))
    return re.sub(r"[^\w.=+-]+", "_", plain, flags=re.ASCII).strip("._-")[:MAX_LENGTH] or "run"


def stem(image: str | Sequence[str]) -> str:
    """Names an image by its file's stem, ``a/night sky.jpg`` → ``night_sky``; several with +."""
    return slug("+".join(_stem(str(name)) for name in listed(image)))


def _stem(name: str) -> str:
    return slug(PurePosixPath(unquote(name.split("?")[0]).replace("\\", "/")).stem)[:24]


def label(overrides: str) -> str:
    """Names a job of a sweep: ``loss.tv.weight=1.0,style=wave`` → ``weight=1_style=wave``.

    Only the last part of a key is kept, images are named by their stems.

    Args:
        overrides: Hydra's ``override_dirname``.
    """
    pairs = re.findall(r"([^=,]+)=((?:\[.*?\]|[^=])*)(?:,(?=[^=,]+=)|$)", overrides)
    return slug("_".join(f"{_short_key(key)}={_short_value(key, value)}" for key, value in pairs))


def _short_key(key: str) -> str:
    parent, _, last = key.lstrip("+~").rpartition(".")
    return parent if last == "image" else key.lstrip("+~") if last == "regions" else last


def _short_value(key: str, value: str) -> str:
    value = re.sub(r"\\(\W)", r"\1", value)  # undoes Hydra's escapes
    if key.endswith(("image", "regions", "weight_map")):
        several = value.startswith("[") and value.endswith("]")
        return stem(value[1:-1].split(",") if several else value)
    return re.sub(r"^(-?\d+)\.0$", r"\1", value.strip("[]").replace(",", "+"))
