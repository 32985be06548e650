"""What a recording may instantiate. It may come from a stranger, even as a picture by mail.

Hydra instantiates any class that a configuration names, with any arguments, even
``pathlib.Path.write_text``. From a recording, only the classes named in ``conf/`` are instantiated,
with the arguments they have there. The user's own classes need the user's consent: a
``--config-dir``, or an override in the same command.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from nst.config import compose, options
from nst.config.overrides import search_path
from nst.errors import InputError, did_you_mean

GROUPS = ("loss", "optimizer", "observer")  # whose keys are arguments of classes
TARGET = "_target_"
STORE = "MLFLOW_TRACKING_URI"  # MLflow's own variable


def check_classes(
    recorded: DictConfig, source: Path, composed: DictConfig, overrides: Sequence[str]
) -> None:
    """Rejects a recording that names anything but known classes with known arguments.

    Args:
        recorded: The recorded configuration, without interpolations.
        source: Where it comes from.
        composed: The configuration of this command; the classes it names, the user has named.
        overrides: The overrides of this command.

    Raises:
        InputError: It names another class, an argument that a class does not have, or a store.
    """
    for path, node in _mappings(OmegaConf.to_container(recorded)):
        special = [key for key in node if re.fullmatch(r"_\w*_", str(key)) and key != TARGET]
        if special:
            raise InputError(f"{source}: {path}.{special[0]} is not allowed in a recording")
        if TARGET in node and not _sound(path, node, source):
            _check_named_by_user(str(node[TARGET]), path, source, composed, overrides)
        if "uri" in node:
            _check_store(path, node["uri"], source, composed)


def _mappings(node: Any, path: str = "") -> Iterator[tuple[str, Mapping[Any, Any]]]:
    if isinstance(node, dict):
        yield path, node
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in items:
        if isinstance(value, dict | list):
            yield from _mappings(value, f"{path}.{key}".lstrip("."))


def _sound(path: str, node: Mapping[Any, Any], source: Path) -> bool:
    """Returns whether a node names a class of nst valid at its place; checks its arguments."""
    group, _, rest = path.partition(".")
    at_its_place = group in GROUPS and rest.count(".") == 0 and (not rest) == (group == "optimizer")
    arguments = shipped(group).get(str(node[TARGET])) if at_its_place else None
    if arguments is None:
        return False
    for key in node:
        if key not in arguments:
            hint = did_you_mean(str(key), arguments)
            raise InputError(f"{source}: {path}.{key}: {node[TARGET]} has no such argument.{hint}")
    return True


@lru_cache
def shipped(group: str) -> Mapping[str, frozenset[str]]:
    """Returns the classes that the options of a group in ``conf/`` name, with their arguments."""
    found: dict[str, frozenset[str]] = {}
    for option in options(group):
        choice = option if group == "optimizer" else f"[{option}]"
        node = compose([f"{group}={choice}"])[group]
        for part in [node] if group == "optimizer" else node.values():
            found[part[TARGET]] = found.get(part[TARGET], frozenset()) | set(map(str, part))
    return found


def _check_named_by_user(
    name: str, path: str, source: Path, composed: DictConfig, overrides: Sequence[str]
) -> None:
    own = {str(node[TARGET]) for _, node in _mappings(_plain(composed)) if TARGET in node}
    shown = {target for group in GROUPS for target in shipped(group)}
    if name not in (own - shown) and name not in _named_in_files(overrides):
        raise InputError(
            f"{source} asks for {name} ({path}.{TARGET}), which is not a class that nst ships for "
            f"this key. If you trust it, name it yourself: --config-dir=FOLDER with a file in "
            f"FOLDER/{path.partition('.')[0]}/ that says `{TARGET}: {name}`"
        )


def _check_store(path: str, uri: Any, source: Path, composed: DictConfig) -> None:
    """Checks where a run would be written beside its folder, or sent: only where the user says."""
    named, mine = OmegaConf.select(composed, path), os.environ.get(STORE)
    if (named is not None and uri == named.get("uri")) or (mine and uri in (None, mine)):
        return
    raise InputError(
        f"{source} asks to record the run in {uri or 'the store that is the default of MLflow'} "
        f"({path}.uri). If you trust it, set {STORE}={uri or 'STORE'}"
    )


def _plain(composed: DictConfig) -> Any:
    return OmegaConf.to_container(OmegaConf.masked_copy(composed, list(GROUPS)))


def _named_in_files(overrides: Sequence[str]) -> set[str]:
    """Returns the classes named in the files of ``--config-dir``."""
    files = [
        file
        for folder in _folders(overrides)
        for group in (*GROUPS, "experiment")
        for file in (folder / group).rglob("*.yaml")
    ]
    pattern = re.compile(rf"^[ -]*{TARGET}:\s*[\"']?([\w.]+)", re.MULTILINE)
    return {name for file in files for name in pattern.findall(file.read_text("utf-8", "replace"))}


def _folders(overrides: Sequence[str]) -> list[Path]:
    """Lists the config folders of this command: from its overrides, or from Hydra within a job."""
    addresses = search_path(overrides)
    if HydraConfig.initialized():
        addresses += [
            f"{source.schema}://{source.path}"
            for source in HydraConfig.get().runtime.config_sources
            if "command-line" in source.provider
        ]
    return [Path(a.removeprefix("file://")) for a in addresses if a.startswith("file://")]
