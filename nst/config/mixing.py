"""Several options of ``style`` in one override: ``style=[starry,wave]``. Free of TensorFlow.

Hydra would merge these options, and the last one would win. So ``starry+wave`` becomes an option of
its own, which mixes the images of both; that way it works in sweeps as well. A file names it so:
``defaults: [override /style: starry+wave]``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.types import ChoiceSweep, Override
from hydra.errors import MissingConfigException
from omegaconf import DictConfig, OmegaConf

from nst.config.adding import extended
from nst.config.names import listed
from nst.config.overrides import SEARCH_PATH, parse
from nst.errors import InputError

GROUP, SIGN = "style", "+"


def mixed(overrides: Iterable[str]) -> list[str]:
    """Rewrites ``style=[starry,wave]`` as ``style=starry+wave``, and what adds to a group.

    Raises:
        InputError: A list holds anything but names.
    """
    return [_rewritten(override) for override in parse(extended(overrides))]


_registered: dict[str, list[str]] = {}  # the search path of each: a sweep composes for every job


def register(
    overrides: Sequence[str], read: Callable[[list[str]], DictConfig], *, anew: bool
) -> None:
    """Registers with Hydra every mix that overrides name.

    Args:
        overrides: As returned by :func:`mixed`.
        read: Composes the configuration from overrides.
        anew: Whether to read the options of a registered mix again.

    Raises:
        HydraException: There is no such option.
        InputError: An option is a mix itself.
    """
    parsed = parse(overrides)
    path = [str(o.input_line) for o in parsed if o.key_or_group == SEARCH_PATH]
    names = {name for o in parsed if o.key_or_group == GROUP for name in map(str, _values(o))}
    for mix in names:
        parts = mix.split(SIGN)
        if len(parts) > 1 and (anew or _registered.get(mix) != path):
            nodes = {part: read([*path, f"{GROUP}={part}"])[GROUP] for part in parts}
            ConfigStore.instance().store(f"{mix}.yaml", _mix(nodes, parts), group=GROUP)
            _registered[mix] = path


def missing_mix(error: MissingConfigException) -> str | None:
    """Returns the override that names a mix which Hydra did not find; None if it is no mix."""
    group, _, name = str(error.missing_cfg_file).partition("/")
    return f"{GROUP}={name}" if group == GROUP and SIGN in name else None


def check_one(choices: Mapping[Any, Any], overrides: Sequence[str]) -> None:
    """Checks that no file names several options of the group, of which Hydra takes the last.

    Args:
        choices: Hydra's record of the options of groups; it has none of a group with a list.
        overrides: In Hydra's grammar.

    Raises:
        InputError: One does.
    """
    deleted = any(o.key_or_group == GROUP and o.is_delete() for o in parse(overrides))
    if GROUP not in choices and not deleted:
        raise InputError(
            f"defaults: a file names a list of styles; it mixes them as "
            f"`override /{GROUP}: starry{SIGN}wave`"
        )


def _rewritten(override: Override) -> str:
    values = _values(override)
    if override.key_or_group != GROUP or not any(isinstance(value, list) for value in values):
        return str(override.input_line)
    return f"{GROUP}={','.join(_name(value, override) for value in values)}"


def _values(override: Override) -> list[Any]:
    value = override._value
    return list(value.list) if isinstance(value, ChoiceSweep) else [value]


def _name(value: Any, override: Override) -> str:
    names = listed(value)
    if not names or not all(isinstance(name, str) for name in names):
        raise InputError(
            f"{override.input_line}: a mix takes names of options, as in {GROUP}=[starry,wave]"
        )
    return SIGN.join(map(str, names))


def _mix(nodes: dict[str, DictConfig], parts: Sequence[str]) -> DictConfig:
    for name, node in nodes.items():
        if OmegaConf.is_list(node.image):
            raise InputError(f"{GROUP}: {name} is a mix itself; name its images in style.image=[…]")
    together = {str(key): [nodes[part][key] for part in parts] for key in nodes[parts[0]]}
    equal = {k: values[0] for k, values in together.items() if all(v == values[0] for v in values)}
    return OmegaConf.create(together | equal | {"image": together["image"]})
