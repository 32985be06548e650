"""``observer=+timelapse``: options beside those that a group has by default. Free of TensorFlow."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

import yaml  # type: ignore[import-untyped]
from hydra.core.override_parser.types import ChoiceSweep, Override

from nst.config.overrides import parse
from nst.config.places import CONF_DIR

GROUPS, SIGN = ("loss", "observer"), "+"  # those that take a list of options


def extended(overrides: Iterable[str]) -> list[str]:
    """Rewrites ``loss=+edges`` as ``loss=[content,style,tv,edges]``."""
    return [_rewritten(override) for override in parse(overrides)]


def _rewritten(override: Override) -> str:
    group, value = override.key_or_group, override._value
    values = value.list if isinstance(value, ChoiceSweep) else [value]
    if group not in GROUPS or not any(_adds(value) for value in values):
        return str(override.input_line)
    return f"{group}={','.join(_list(group, value) for value in values)}"


def _adds(value: object) -> bool:
    return isinstance(value, str) and value.startswith(SIGN)


def _list(group: str, value: object) -> str:
    if not _adds(value):
        names = value if isinstance(value, list) else [value]
        return f"[{','.join(map(str, names))}]"
    added = [name for name in str(value).split(SIGN)[1:] if name not in _defaults(group)]
    return f"[{','.join([*_defaults(group), *added])}]"


@lru_cache
def _defaults(group: str) -> list[str]:
    """Reads the options that ``conf/config.yaml`` gives a group."""
    entries = yaml.safe_load((CONF_DIR / "config.yaml").read_text("utf-8"))["defaults"]
    (names,) = (entry[group] for entry in entries if isinstance(entry, dict) and group in entry)
    return list(names)
