"""Folders and patterns of pictures as values of a sweep: a job per picture. Free of TensorFlow."""

from __future__ import annotations

import glob
import logging
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from hydra.core.override_parser.types import Override, QuotedString

from nst.config.overrides import PICTURES, is_several, parse, quoted
from nst.errors import InputError
from nst.images.formats import READ, named_as_image

log = logging.getLogger(__name__)

SHOWN = 3  # names in a line


def expanded(overrides: Iterable[str]) -> tuple[list[str], frozenset[str]]:
    """Replaces folders and patterns by the pictures in them, in the order of their names.

    Args:
        overrides: In Hydra's grammar.

    Returns:
        The overrides, and the keys in which anything was replaced.

    Raises:
        InputError: A folder holds no picture, or a pattern fits none.
    """
    changed, keys = [], set()
    for override in parse(overrides):
        text, values = str(override.input_line), paths_in(override)
        if any(is_several(value) for value in values):
            key = override.key_or_group
            pictures = [path for value in values for path in _pictures(key, value)]
            text = f"{override.get_key_element()}={','.join(map(quoted, pictures))}"
            keys.add(key)
        changed.append(text)
    return changed, frozenset(keys)


def paths_in(override: Override) -> Sequence[str]:
    """Returns the paths that an override gives to the key of a picture; none if it gives others."""
    if override.key_or_group not in PICTURES or override.is_delete():
        return ()
    swept = override.is_sweep_override() and override.is_discrete_sweep()
    values = list(override.sweep_iterator()) if swept else [override.value()]
    texts = [value.text if isinstance(value, QuotedString) else value for value in values]
    return texts if all(isinstance(text, str) for text in texts) else ()


def _pictures(key: str, value: str) -> list[str]:
    if not is_several(value):
        return [value]
    path = os.path.expanduser(value)
    folder = os.path.isdir(path)
    try:
        found = sorted(_visible(path) if folder else glob.glob(path, recursive=True))
    except OSError as error:
        raise InputError(f"{key}: {value} cannot be read: {error.strerror}") from error
    pictures = [name for name in found if named_as_image(name) and not os.path.isdir(name)]
    others = [Path(name).name for name in found if name not in pictures]
    if not pictures:
        holds = "holds no picture" if folder else "fits no picture"
        raise InputError(f"{key}: {value} {holds} (formats read: {READ}){_listed(others)}")
    if others:
        log.warning("%s: %s: passed over what is not a picture%s", key, value, _listed(others))
    return pictures


def _visible(folder: str) -> list[str]:
    return [os.path.join(folder, name) for name in os.listdir(folder) if not name.startswith(".")]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f": {', '.join(names[:SHOWN])}{more}" if names else ""
