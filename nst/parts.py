"""The parts of a run whose classes the configuration names: built, and checked to be what is meant.

A class may be the user's own. Hydra builds whatever a configuration names, so what is no term,
optimizer or observer would be found in the middle of a run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig

from nst.errors import InputError
from nst.losses import Term
from nst.observers import Observer
from nst.optimizers import Optimizer


def terms(loss: DictConfig) -> dict[str, Term]:
    """Builds terms.

    Raises:
        InputError: A class is no term.
    """
    return _each("loss", loss, Term)


def optimizer(node: DictConfig) -> Optimizer:
    """Builds an optimizer.

    Raises:
        InputError: The class is no optimizer.
    """
    built: Optimizer = _built("optimizer", node, Optimizer)
    return built


def observers(nodes: Mapping[Any, DictConfig] | None) -> dict[str, Observer]:
    """Builds observers.

    Raises:
        InputError: A class is no observer.
    """
    return _each("observer", nodes or {}, Observer)


def _each(group: str, nodes: Mapping[Any, Any], kind: type) -> dict[str, Any]:
    return {str(name): _built(f"{group}.{name}", node, kind) for name, node in nodes.items()}


def _built(key: str, node: DictConfig, kind: type) -> Any:
    part = instantiate(node, _convert_="all")
    missing = sorted(_public(kind) - {*dir(part)})
    if missing:
        raise InputError(
            f"{key}._target_: {node.get('_target_')} is no {kind.__name__.lower()}, it lacks "
            f"{', '.join(missing)}; see nst.{kind.__module__.split('.')[1]}.{kind.__name__}"
        )
    return part


def _public(kind: type) -> set[str]:
    names = {*dir(kind), *getattr(kind, "__annotations__", {})}
    return {name for name in names if not name.startswith("_")}
