"""Which handles were turned: from flat configurations to the few keys that tell runs apart."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from omegaconf import OmegaConf

from nst.compare.load import RunRecord
from nst.config.composition import CONF_DIR
from nst.config.settings import Handles, Value, flat, handles

IMAGES = ("content", "style")
NAMED_BY_OPTION = ("init", "pyramid")  # groups in which only the whole option means something


def with_settings(runs: Sequence[RunRecord]) -> list[RunRecord]:
    """Gives every run its handles: groups by their option's name, images by their file's."""
    views = [handles(run.config) for run in runs]
    for name in IMAGES:
        _name_images(name, runs, views)
    for group in NAMED_BY_OPTION:
        _name_options(group, views)
    return [replace(run, settings=view) for run, view in zip(runs, views, strict=True)]


def differing(runs: Sequence[RunRecord]) -> list[str]:
    """Finds the handles that differ between runs and do not merely follow from another one.

    Args:
        runs: With their settings.

    Returns:
        Keys in the order of the configuration, ``seed`` last.
    """
    settled = [run for run in runs if run.settings]
    turned = [key for key in _keys(run.settings for run in runs) if _varies(key, settled)]
    kept = [key for key in turned if not _follows(key, settled)]
    return sorted(kept, key=lambda key: key == "seed")


def all_differences(runs: Sequence[RunRecord]) -> list[str]:
    """Lists every key of the resolved configurations that differs, followers included."""
    whole = [run for run in runs if run.resolved]
    keys = _keys(run.config for run in whole)
    return [key for key in keys if len({run.config.get(key) for run in whole}) > 1]


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
    told = [f"{short(key)}={shown(run.settings[key])}" for key in keys if key in run.settings]
    return " ".join(told) or run.name


def _name_images(name: str, runs: Sequence[RunRecord], views: Sequence[Handles]) -> None:
    """Adds the start of the hash where two images are called the same."""
    hashes: dict[Value, set[Value]] = {}
    for run, view in zip(runs, views, strict=True):
        if run.config.get(f"{name}.sha256"):
            hashes.setdefault(view.get(name), set()).add(run.config[f"{name}.sha256"])
    for run, view in zip(runs, views, strict=True):
        if len(hashes.get(view.get(name), ())) > 1 and run.config.get(f"{name}.sha256"):
            view[name] = f"{view[name]} ({str(run.config[f'{name}.sha256'])[:6]})"


def _name_options(group: str, views: Sequence[Handles]) -> None:
    """Replaces a group's keys by the option's name, if every run has one of ``conf/`` unchanged."""
    options = {path.stem: _option(group, path.stem) for path in (CONF_DIR / group).glob("*.yaml")}
    told = [view for view in views if view]
    names = [
        next((n for n, o in options.items() if all(view.get(k) == o[k] for k in o)), None)
        for view in told
    ]
    if None in names:
        return
    for view, name in zip(told, names, strict=True):
        for key in [key for key in view if key.startswith(f"{group}.")]:
            del view[key]
        view[group] = name


@lru_cache
def _option(group: str, name: str) -> Handles:
    """Reads what an option of ``conf/`` sets, flat and under the group's name."""
    config: Any = OmegaConf.to_container(OmegaConf.load(CONF_DIR / group / f"{name}.yaml"))
    return {f"{group}.{key}": value for key, value in flat(config) if key != "defaults"}


def _keys(mappings: Iterable[Mapping[str, Value]]) -> list[str]:
    return list(dict.fromkeys(key for mapping in mappings for key in mapping))


def _varies(key: str, runs: Sequence[RunRecord]) -> bool:
    return len({run.settings.get(key) for run in runs if run.resolved or key in run.settings}) > 1


def _follows(key: str, runs: Sequence[RunRecord]) -> bool:
    group, _, rest = key.partition(".")
    told = [run for run in runs if key in run.settings]
    if group in ("optimizer", "network") and rest:
        resolved = [run for run in runs if run.resolved]
        if all(run.settings.get(key) == _default(group, run, key) for run in resolved):
            return True
    if group == "loss" and any(
        all(run.settings[key] == run.settings.get(handle) for run in told)
        for handle in ("alpha", "beta")  # ${alpha} and ${beta}, resolved
    ):
        return True
    if group == "loss" and rest.endswith(".layer_weights"):  # resolved to one for each layer
        term = key.removesuffix(".layer_weights")
        return _determined(key, [term, f"{term}.layers", "network"], told)
    # A key that is the same wherever it is, and that some runs lack, came with its term or option.
    by_option = group in ("loss", "optimizer", "network") and bool(rest)
    return by_option and len({run.settings[key] for run in told}) == 1


def _default(group: str, run: RunRecord, key: str) -> Value:
    """Looks up what ``conf/`` gives the run's option; optimizers without a file are ``keras``."""
    known = {path.stem for path in (CONF_DIR / group).glob("*.yaml")}
    name = next((n for n in (str(run.settings.get(group)), "keras") if n in known), None)
    return _option(group, name).get(key) if name else None


def _determined(key: str, causes: Sequence[str], runs: Sequence[RunRecord]) -> bool:
    found: dict[tuple[Value, ...], set[Value]] = {}
    for run in runs:
        cause = tuple(run.settings.get(name) for name in causes)
        found.setdefault(cause, set()).add(run.settings[key])
    return len(found) > 1 and all(len(values) == 1 for values in found.values())
