"""The overrides of the command line: quoted, parsed, and expanded into jobs."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from glob import has_magic
from itertools import product
from os.path import exists, expanduser, isdir
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, Override, Quote, QuotedString, Transformer
from hydra.errors import OverrideParseException

from nst.config.names import listed
from nst.errors import InputError

# Keys that take a path. Their value is a path, whatever characters it has.
PATHS = (
    *("content.image", "style.image", "init.image", "network.weights", "evaluation.weights"),
    *("content.regions", "style.regions", "content.weight_map"),
    *("resume", "replay", "hydra.run.dir", "hydra.sweep.dir"),
)

NEEDED = {  # where the current folder is seldom meant
    "resume": "it takes the folder of a run",
    "replay": "it takes the folder of a run, or its result.png",
}
LISTS = ("style.image", "style.regions")  # of them, those that take a list of paths
SEARCH_PATH = "hydra.searchpath"  # where --config-dir puts its folder
LONGEST = 4096  # characters of a path, on Linux
PICTURES = ("content.image", "style.image")  # in a sweep, a folder or pattern stands for many
MOST_JOBS = 10_000  # of a sweep; each is checked before the first starts


def parse(overrides: Iterable[str]) -> list[Override]:
    """Parses overrides.

    Raises:
        OverrideParseException: One is not in Hydra's grammar.
    """
    parsed: list[Override] = OverridesParser.create().parse_overrides(list(overrides))
    return parsed


def search_path(overrides: Iterable[str]) -> list[str]:
    """Lists the addresses of the config folders that overrides name, as ``file:///home/me/conf``."""
    given = [o.value() for o in parse(overrides) if o.key_or_group == SEARCH_PATH]
    return [str(address) for addresses in given for address in listed(addresses)]


def quoted(value: object) -> str:
    """Quotes a value for an override in Hydra's grammar."""
    text: str = QuotedString(str(value), Quote.single).with_quotes()
    return text


def with_paths_quoted(override: str) -> str:
    """Quotes the value of a key that takes a path, unless Hydra's grammar accepts it unquoted."""
    key, _, value = override.partition("=")
    if key.lstrip("+") not in (*PATHS, "output.name") or value in ("", "null"):
        return override
    if key.lstrip("+") in LISTS and "[" in value and not exists(expanduser(value)):
        return f"{key}={_with_lists_quoted(value)}"
    paths = _paths(value)
    if _parses(value) and all(_is_bare(path) or not exists(expanduser(path)) for path in paths):
        return override
    return f"{key}={','.join(_bare(path) for path in paths)}"


def _with_lists_quoted(value: str) -> str:
    """Quotes the paths in ``[a b.jpg,花.png]``, or in several such lists with commas between."""
    parts = re.split(r",(?=\[)|(?<=\]),", value)
    if any(p.startswith("[") != p.endswith("]") or re.search(r"^\[\[|\]\]$", p) for p in parts):
        return value  # lists within lists, as the check of the configuration says
    return ",".join(
        f"[{','.join(map(_item, _paths(part[1:-1])))}]"
        if re.fullmatch(r"\[.+\]", part)
        else _item(part)
        for part in parts
    )


def _item(path: str) -> str:
    """Quotes a path in a list, unless it is quoted or may follow a blank after the comma."""
    path = path if exists(expanduser(path)) else path.strip()
    return path if _parses(path) and not exists(expanduser(path)) else _bare(path)


def path_of(key: str, value: object) -> Path:
    """Returns the path that a key names; ``~`` is the user's home.

    Raises:
        InputError: It is empty, as of an unset variable, which must not mean the current folder.
    """
    if not str(value).strip():
        meant = NEEDED.get(key, f"{key}=. is the current folder")
        raise InputError(f"{key}: the path is empty; {meant}")
    return Path(expanduser(str(value)))


def is_several(path: str) -> bool:
    """Returns whether a path is a folder or, where there is no such file, a pattern (``*.jpg``)."""
    path = expanduser(path)
    return isdir(path) or (has_magic(path) and len(path) < LONGEST and not exists(path))


def drawn(overrides: Iterable[str]) -> list[str]:
    """Expands the values of every sweep, so that plan and run get the same ones.

    A later override of a key replaces an earlier one in its place. The same command always gives
    the same shuffle, so a stopped sweep finds its jobs again.
    """
    written = {
        o.get_key_element(): f"{o.get_key_element()}={','.join(values_of(o))}"
        if o.is_sweep_override()
        else str(o.input_line)
        for o in parse(overrides)
    }
    return list(written.values())


def multiplied(overrides: Sequence[str]) -> list[tuple[str, ...]]:
    """Lists the overrides of each job of a sweep, as Hydra's own sweeper does.

    Raises:
        InputError: They are too many.
    """
    several = [
        [f"{o.get_key_element()}={value}" for value in values_of(o)]
        if o.is_sweep_override()
        else [f"{o.get_key_element()}={o.get_value_element_as_str()}"]
        for o in parse(overrides)
    ]
    if (jobs := math.prod(map(len, several))) > MOST_JOBS:
        raise InputError(f"-m: {jobs} jobs are too many, a sweep has up to {MOST_JOBS}")
    return list(product(*several))


def values_of(override: Override) -> list[str]:
    """Lists the values of a sweep as overrides write them.

    Raises:
        InputError: It is no list, or too long a range, or not a setting of a job.
    """
    check_of_job(override)
    if not override.is_discrete_sweep() or isinstance(override.value(), Glob):
        hint = "; an interval is for a search, such as search=pareto"
        hint = hint if override.is_interval_sweep() else ""
        raise InputError(f"{override.input_line}: list the values, with commas between them{hint}")
    if override.is_range_sweep() and len_of_range(override) > MOST_JOBS:
        raise InputError(f"{override.input_line}: it has more than {MOST_JOBS} values")
    state = random.getstate()
    random.seed(override.input_line)  # Hydra shuffles with the process's global generator
    try:
        values = list(override.sweep_iterator())
    finally:
        random.setstate(state)
    return [_bare(v) if isinstance(v, str) else Transformer.str(v) for v in values]


def check_of_job(override: Override) -> None:
    """Checks that jobs may have different values of a setting.

    Raises:
        InputError: It is one of Hydra's or of a search, of which a command has one.
    """
    if re.match("hydra|search", override.key_or_group):
        raise InputError(f"{override.input_line}: all jobs of a command share it; give one value")


def len_of_range(override: Override) -> int:
    """Returns the number of values of ``range(…)``, without listing them.

    Raises:
        InputError: It has none.
    """
    sweep = override.value()
    ends = sweep.start, sweep.stop, sweep.step
    if not all(map(math.isfinite, ends)) or sweep.step == 0:
        raise InputError(f"{override.input_line}: a range has finite ends and a step other than 0")
    start, stop, step = map(Decimal, ends)
    count = math.ceil((stop - start) / step)
    if count < 1:
        raise InputError(f"{override.input_line}: the range is empty")
    return count


def _paths(value: str) -> list[str]:
    """Splits at commas, except those within an existing path."""
    parts = value.split(",")
    for end in range(len(parts), 1, -1):
        path = ",".join(parts[:end])
        if exists(expanduser(path)):
            return [path, *(_paths(",".join(parts[end:])) if parts[end:] else [])]
    return [parts[0], *(_paths(",".join(parts[1:])) if parts[1:] else [])]


def _bare(text: str) -> str:
    """Returns a text unchanged if the grammar reads it as itself, else quoted."""
    return text if _is_bare(text) else quoted(text)


def _is_bare(text: str) -> bool:
    return _parses(text) and parse([f"key={text}"])[0].value() == text


def _parses(value: str) -> bool:
    try:
        return bool(parse([f"key={value}"]))
    except OverrideParseException:
        return False
