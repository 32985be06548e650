"""From flat configurations to the few settings that tell runs apart."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from omegaconf import OmegaConf

from nst.compare.load import RunRecord
from nst.config import option, options
from nst.config.names import listed
from nst.config.settings import FEEDS, Settings, Value, flat, settings_of

IMAGES = ("content", "style")
TASK = (*IMAGES, "style.weights", "content.regions", "style.regions")
NAMED_BY_OPTION = ("init", "pyramid")  # groups in which only the whole option means something
OPTION_GROUPS = ("optimizer", "network", "color")  # whose keys come with the option that is chosen


def with_settings(runs: Sequence[RunRecord]) -> list[RunRecord]:
    """Fills in what people set: groups by their option's name, images by their file's."""
    settings = [settings_of(run.config) for run in runs]
    for own in filter(None, settings):
        own.setdefault("color", "none")  # recorded before there was that group
    for role in IMAGES:
        _add_hashes(role, runs, settings)
    for group in NAMED_BY_OPTION:
        _name_options(group, settings)
    return [replace(run, settings=own) for run, own in zip(runs, settings, strict=True)]


def differing(runs: Sequence[RunRecord]) -> list[str]:
    """Lists the settings that differ between runs and do not merely follow from another one.

    Args:
        runs: With their settings.

    Returns:
        Keys in the order of the configuration, ``seed`` last.
    """
    known = [run for run in runs if run.settings]
    varying = [key for key in _keys(run.settings for run in runs) if _varies(key, known)]
    kept = [key for key in varying if not _follows(key, known)]
    return sorted(kept, key=lambda key: key == "seed")


def all_differences(runs: Sequence[RunRecord]) -> list[str]:
    """Lists every key of the resolved configurations that differs, followers included."""
    whole = [run for run in runs if run.resolved]
    keys = _keys(run.config for run in whole)
    return [key for key in keys if len({run.config.get(key) for run in whole}) > 1]


def task(run: RunRecord) -> tuple[Value, ...]:
    """What a run was to paint: metrics compare only between runs of the same task."""
    return tuple(run.settings.get(key) for key in TASK)


def ordered(values: Iterable[Value]) -> list[Value]:
    """Removes duplicates; numbers come first, by size, then words in the order they appeared."""
    distinct = list(dict.fromkeys(values))
    numbers = sorted(v for v in distinct if isinstance(v, int | float))
    words = [v for v in distinct if v is not None and not isinstance(v, int | float)]
    return [*numbers, *words, *([None] if None in distinct else [])]


def shown(value: Value) -> str:
    """Writes a value for people: ``1000000.0`` → ``1e6``, ``block4_conv2`` → ``4_2``."""
    if value is None:
        return "–"
    if isinstance(value, tuple):
        return " ".join(re.sub(r"^block(\d+)_conv(\d+)$", r"\1_\2", item) for item in value)
    if isinstance(value, float):
        return re.sub(r"e([+-])0*", lambda m: "e" + m[1].strip("+"), f"{value:.6g}")
    return str(value).lower() if isinstance(value, bool) else str(value)


def short(key: str) -> str:
    """Shortens a key for labels: ``loss.style.layers`` → ``style.layers``."""
    return re.sub(r"^(loss|optimizer)\.", "", key)


def label(run: RunRecord, keys: Sequence[str]) -> str:
    """Names a run by what tells it apart: ``alpha=1000 style=starry``; else by its folder."""
    words = [f"{short(key)}={shown(run.settings[key])}" for key in keys if key in run.settings]
    return " ".join(words) or run.name


def _add_hashes(role: str, runs: Sequence[RunRecord], settings: Sequence[Settings]) -> None:
    """Adds the start of the hash where two images have the same name."""
    hashes = [run.config.get(f"{role}.sha256") for run in runs]
    by_name: dict[Value, set[Value]] = {}
    for own, sha256 in zip(settings, hashes, strict=True):
        if sha256:
            by_name.setdefault(own.get(role), set()).add(sha256)
    for own, sha256 in zip(settings, hashes, strict=True):
        if sha256 and role in own and len(by_name[own[role]]) > 1:
            own[role] = f"{own[role]} ({' '.join(str(each)[:6] for each in listed(sha256))})"


def _name_options(group: str, settings: Sequence[Settings]) -> None:
    """Replaces a group's keys by the option's name, if every run has one of ``conf/`` unchanged."""
    known = {name: _option(group, name) for name in options(group)}
    having = [own for own in settings if own]
    names = [_matching(known, own) for own in having]
    if None in names:
        return
    for own, name in zip(having, names, strict=True):
        for key in [key for key in own if key.startswith(f"{group}.")]:
            del own[key]
        own[group] = name


def _matching(known: Mapping[str, Settings], settings: Settings) -> str | None:
    """Finds the option that sets exactly these settings."""
    for name, own in known.items():
        if all(settings.get(key) == value for key, value in own.items()):
            return name
    return None


@lru_cache
def _option(group: str, name: str) -> Settings:
    """Reads what an option of ``conf/`` sets, flat and under the group's name."""
    config: Any = OmegaConf.to_container(option(group, name))
    return {f"{group}.{key}": value for key, value in flat(config)}


def _keys(mappings: Iterable[Mapping[str, Value]]) -> list[str]:
    return list(dict.fromkeys(key for mapping in mappings for key in mapping))


def _varies(key: str, runs: Sequence[RunRecord]) -> bool:
    return len({run.settings.get(key) for run in runs if run.resolved or key in run.settings}) > 1


def _follows(key: str, runs: Sequence[RunRecord]) -> bool:
    """Tells whether a key differs only because another one does."""
    group, _, rest = key.partition(".")
    if group not in ("loss", *OPTION_GROUPS) or not rest:
        return False
    rules = (_is_the_options_default, _is_fed, _is_decided_by_the_layers, _came_with_its_option)
    return any(rule(key, runs) for rule in rules)


def _is_the_options_default(key: str, runs: Sequence[RunRecord]) -> bool:
    """Tells whether every run has what ``conf/`` gives its optimizer or network."""
    group = key.partition(".")[0]
    resolved = [run for run in runs if run.resolved]
    return group in OPTION_GROUPS and all(
        run.settings.get(key) == _default(group, run, key) for run in resolved
    )


def _is_fed(key: str, runs: Sequence[RunRecord]) -> bool:
    """Tells whether the key of a term passes on a root key such as ``alpha``."""
    having = _having(key, runs)
    return key.startswith("loss.") and any(
        all(run.settings[key] == run.settings.get(root) for run in having)
        for root in FEEDS.values()
    )


def _is_decided_by_the_layers(key: str, runs: Sequence[RunRecord]) -> bool:
    """Tells whether layer weights, which resolve to one per layer, follow term, layers, network."""
    term = key.removesuffix(".layer_weights")
    causes = (term, f"{term}.layers", "network")
    found: dict[tuple[Value, ...], set[Value]] = {}
    for run in _having(key, runs):
        cause = tuple(run.settings.get(name) for name in causes)
        found.setdefault(cause, set()).add(run.settings[key])
    return term != key and len(found) > 1 and all(len(values) == 1 for values in found.values())


def _came_with_its_option(key: str, runs: Sequence[RunRecord]) -> bool:
    """Tells whether the key is the same in every run that has it: some options lack it."""
    return len({run.settings[key] for run in _having(key, runs)}) == 1


def _having(key: str, runs: Sequence[RunRecord]) -> list[RunRecord]:
    return [run for run in runs if key in run.settings]


def _default(group: str, run: RunRecord, key: str) -> Value:
    """Looks up what ``conf/`` gives the run's option; optimizers without a file are ``keras``."""
    names = (str(run.settings.get(group)), "keras")
    name = next((name for name in names if name in options(group)), None)
    return _option(group, name).get(key) if name else None
