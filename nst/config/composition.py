"""Composes the configuration from ``conf/`` and overrides. Free of TensorFlow."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os.path import exists
from pathlib import Path

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from nst.config import schema
from nst.config.mixing import check_one, missing_mix, mixed, register
from nst.config.names import label, listed, stem
from nst.config.overrides import parse, search_path
from nst.config.places import CONF_DIR
from nst.errors import InputError

# What Hydra raises at a file that is a list, includes itself, is a folder, and the like.
UNFORESEEN = (
    *(ArithmeticError, AssertionError, AttributeError, LookupError, OSError),
    *(RecursionError, TypeError, ValueError),
)
SEVERAL = ("loss", "observer", "style", "experiment")  # groups that take several options

schema.register()
OmegaConf.register_new_resolver("nst.stem", stem, replace=True)
OmegaConf.register_new_resolver("nst.label", label, replace=True)


def compose(overrides: Sequence[str] = (), *, hydra: bool = False) -> DictConfig:
    """Composes the configuration from ``conf/`` and overrides, as the command line does.

    Args:
        overrides: Hydra overrides, for example ``["style=starry", "alpha=1e3"]``.
        hydra: Whether to keep the node ``hydra`` in the result.

    Returns:
        The configuration, interpolations unresolved.

    Raises:
        HydraException: An override, a key or a type is wrong.
        YAMLError: A file of the user is not valid YAML.
        InputError: A file of the user is not UTF-8 or no configuration, a group is given a value,
            or a mix no names.
    """
    _check_groups(overrides)
    rewritten = mixed(overrides)
    register(rewritten, compose, anew=rewritten != list(overrides))
    try:
        config = _composed(rewritten)
    except MissingConfigException as error:
        if (mix := missing_mix(error)) is None:
            raise
        register([*rewritten, mix], compose, anew=True)  # one that a file names
        config = _composed(rewritten)
    check_one(config.hydra.runtime.choices, overrides)
    return config if hydra else without_hydra(config)


def _composed(overrides: Sequence[str]) -> DictConfig:
    with _own_hydra(), initialize_config_dir(str(CONF_DIR), job_name="nst", version_base="1.3"):
        try:
            config: DictConfig = hydra_compose(
                "config", overrides=list(overrides), return_hydra_config=True
            )
        except UnicodeDecodeError as error:
            raise InputError(_not_utf8(error, overrides)) from error
        except (HydraException, OmegaConfBaseException, InputError):
            raise
        except UNFORESEEN as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise InputError(f"{_own_files(overrides)} cannot be composed: {reason}") from error
        return config


def without_hydra(composed: DictConfig) -> DictConfig:
    """Removes the node ``hydra`` from a composed configuration, in place."""
    with open_dict(composed):
        del composed["hydra"]
    return composed


def groups() -> list[str]:
    """Lists the groups of ``conf/``."""
    return sorted(path.name for path in CONF_DIR.iterdir() if any(path.glob("*.yaml")))


def options(group: str) -> list[str]:
    """Lists the options of a group of ``conf/``; ``_base.yaml`` holds what they share."""
    return sorted(path.stem for path in (CONF_DIR / group).glob("[!_]*.yaml"))


def option(group: str, name: str) -> DictConfig:
    """Reads what an option of ``conf/`` sets, those of its group that it builds on included."""
    config = OmegaConf.load(CONF_DIR / group / f"{name}.yaml")
    assert isinstance(config, DictConfig)
    known = (*options(group), "_base")  # not schemas, _self_ and other groups
    bases = [option(group, base) for base in config.pop("defaults", []) if base in known]
    merged = OmegaConf.merge(*bases, config)
    assert isinstance(merged, DictConfig)
    return merged


_LOCK = threading.RLock()  # Hydra has one state per process


@contextmanager
def _own_hydra() -> Iterator[None]:
    """Sets aside the Hydra application of this process, if any, and restores it afterwards."""
    with _LOCK:
        instance = GlobalHydra.instance()
        running, instance.hydra = instance.hydra, None
        try:
            yield
        finally:
            instance.hydra = running
            GlobalHydra.set_instance(instance)


def _own_files(overrides: Sequence[str]) -> str:
    """Names the files of the user's own that overrides choose."""
    files = [
        str(path)
        for folder in _folders(overrides)
        for override in parse(overrides)
        for name in map(str, listed(override._value))
        if exists(path := Path(folder, override.key_or_group, f"{name}.yaml"))
    ]
    return ", ".join(files) or "the configuration"


def _folders(overrides: Sequence[str]) -> list[str]:
    return [address.removeprefix("file://") for address in search_path(overrides)]


def _not_utf8(error: UnicodeDecodeError, overrides: Sequence[str]) -> str:
    """Finds the file that Hydra could not decode: the error has its bytes, but not its name."""
    for folder in _folders(overrides):
        for path in filter(Path.is_file, sorted(Path(folder).rglob("*.yaml"))):
            before, found, _ = path.read_bytes().partition(error.object)
            if found:
                line = (before + error.object[: error.start]).count(b"\n") + 1
                return f"{path}, line {line}: it is not UTF-8; save it as UTF-8"
    return f"a file of --config-dir is not UTF-8: {error}"


def _check_groups(overrides: Sequence[str]) -> None:
    """Finds overrides of groups that are wrong in a way that Hydra would not name."""
    parsed = parse(overrides)
    searching = {override.key_or_group for override in parsed} & {"search", "experiment"}
    for override in parsed:
        if override.key_or_group.startswith("search.") and not searching:
            raise InputError(f"{override.input_line}: nothing is searched; add search=pareto")
        if override.is_delete() and not isinstance(override.value(), str | None):
            raise InputError(f"{override.input_line}: what is left out takes no value: ~KEY")
        named = override.is_delete() or isinstance(override.value(), str | list)
        group = CONF_DIR / override.key_or_group
        if group.is_dir() and isinstance(override.value(), list) and group.name not in SEVERAL:
            raise InputError(f"{override.input_line}: {group.name}= takes the name of one option")
        if group.is_dir() and not named and not override.is_sweep_override():
            raise InputError(f"{override.input_line}: a group takes the name of one of its options")
