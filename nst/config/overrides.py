"""Overrides, the language of the command line: quoted, read, and multiplied into jobs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from os.path import exists, expanduser

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString, Transformer
from hydra.errors import OverrideParseException

from nst.errors import InputError

# Keys that take a path. What is typed after them is a path, whatever characters it has.
PATHS = (
    *("content.image", "style.image", "init.image", "network.weights"),
    *("resume", "replay", "hydra.run.dir", "hydra.sweep.dir"),
)


def parse(overrides: Iterable[str]) -> list[Override]:
    """Reads overrides.

    Raises:
        OverrideParseException: One is not in Hydra's grammar.
    """
    parsed: list[Override] = OverridesParser.create().parse_overrides(list(overrides))
    return parsed


def quoted(value: object) -> str:
    """Quotes a value for an override, as Hydra's grammar has it."""
    text: str = QuotedString(str(value), Quote.single).with_quotes()
    return text


def with_paths_quoted(override: str) -> str:
    """Quotes what follows a key that takes a path, unless Hydra's grammar takes it as it is."""
    key, _, value = override.partition("=")
    if key.lstrip("+") not in PATHS or not value:
        return override
    paths = _paths(value)
    if _parses(value) and all(_is_bare(path) or not exists(expanduser(path)) for path in paths):
        return override
    return f"{key}={','.join(_bare(path) for path in paths)}"


def drawn(overrides: Iterable[str]) -> list[str]:
    """Writes the values of every sweep out, so that a shuffle is drawn once for plan and run."""
    return [
        f"{o.get_key_element()}={','.join(_values(o))}" if o.is_sweep_override() else o.input_line
        for o in parse(overrides)
    ]


def multiplied(overrides: Sequence[str]) -> list[tuple[str, ...]]:
    """Lists the overrides of each job of a sweep, as Hydra's own sweeper does."""
    values: dict[str, list[str]] = {}  # a later override replaces an earlier one in its place
    for override in parse(overrides):
        key = override.get_key_element()
        sweep = override.is_sweep_override()
        several = _values(override) if sweep else [override.get_value_element_as_str()]
        values[key] = [f"{key}={value}" for value in several]
    return list(product(*values.values()))


def _values(override: Override) -> list[str]:
    if override.value_type is not None and override.value_type.name == "GLOB_CHOICE_SWEEP":
        raise InputError(f"{override.input_line}: name the options, with commas between them")
    return [
        _bare(value) if isinstance(value, str) else Transformer.str(value)
        for value in override.sweep_iterator()
    ]


def _paths(value: str) -> list[str]:
    """Splits at commas, except those that are part of an existing path."""
    parts = value.split(",")
    for end in range(len(parts), 1, -1):
        path = ",".join(parts[:end])
        if exists(expanduser(path)):
            return [path, *(_paths(",".join(parts[end:])) if parts[end:] else [])]
    return [parts[0], *(_paths(",".join(parts[1:])) if parts[1:] else [])]


def _bare(text: str) -> str:
    """Returns a text as it is where the grammar reads it as this very text, else quoted."""
    return text if _is_bare(text) else quoted(text)


def _is_bare(text: str) -> bool:
    return _parses(text) and parse([f"key={text}"])[0].value() == text


def _parses(value: str) -> bool:
    try:
        return bool(parse([f"key={value}"]))
    except OverrideParseException:
        return False
