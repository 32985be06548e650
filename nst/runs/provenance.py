"""The text embedded in a result, enough to reproduce it, and how to read it back safely."""

from __future__ import annotations

import json
from pathlib import Path

import yaml  # type: ignore[import-untyped]
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from nst import __version__
from nst.errors import InputError
from nst.images import read_text
from nst.runtime import versions

MOST_CHARACTERS = 1 << 18  # of a configuration; the longest has a tenth of that
DEEPEST = 20  # levels of nesting; a configuration has five
DAMAGED = (yaml.YAMLError, OmegaConfBaseException, ValueError, TypeError, RecursionError)


def provenance(config: str, seed: int) -> dict[str, str]:
    """Returns the text to embed in a picture. It has no dates: same run, same bytes."""
    return {
        "Software": f"nst {__version__}",
        "config": config,
        "seed": str(seed),
        "versions": json.dumps(versions()),
    }


def carried_config(picture: Path) -> DictConfig:
    """Reads the configuration embedded in a ``result.png``.

    Raises:
        InputError: There is none, or it is damaged.
    """
    text = read_text(picture)
    if "config" not in text:
        raise InputError(f"{picture} carries no configuration: only a result.png of a run does")
    return parsed(text["config"], picture)


def parsed(text: str, source: Path, *, interpolations: bool = False) -> DictConfig:
    """Parses a recorded configuration, which may come from a stranger.

    Recordings are resolved. An interpolation was added by somebody, perhaps to read this machine's
    environment: it is an error and never evaluated.

    Args:
        text: YAML.
        source: Where it comes from.
        interpolations: Whether it may contain some: what a job was started with is not resolved.

    Raises:
        InputError: It is damaged, or contains what no recording does.
    """
    try:
        _check_plain(text, interpolations)
        config = OmegaConf.create(text)
    except DAMAGED as error:
        reason = " ".join(str(error).split())
        raise InputError(f"the configuration in {source} is damaged: {reason}") from error
    if not isinstance(config, DictConfig):
        raise InputError(f"the configuration in {source} is damaged: it is a list, not a mapping")
    return config


def _check_plain(text: str, interpolations: bool) -> None:
    """Rejects YAML that is more than data: references, tags, excessive size or depth."""
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"it has {len(text)} characters, the limit is {MOST_CHARACTERS}")
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise ValueError(f"it is nested more than {DEEPEST} levels deep")
        if isinstance(event, yaml.AliasEvent) or getattr(event, "tag", None):
            raise ValueError("it contains YAML references or tags, which no recording has")
        if not interpolations and isinstance(event, yaml.ScalarEvent) and "${" in event.value:
            raise ValueError(f"it contains the interpolation {event.value}; a recording has none")
