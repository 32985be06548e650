"""The handles of a run: its configuration, flat, with names as people turn them. Free of TensorFlow."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from omegaconf import DictConfig, OmegaConf

from nst.config.names import stem

Value = str | int | float | bool | tuple[str, ...] | None
Handles = dict[str, Value]

# Keys that cannot change a picture: they say what watches a run and where files come from.
ASIDE = ("resume", "replay", "observer", "output", "network.url", "network.md5", "network.timeout")


def flat(node: Mapping[Any, Any], prefix: str = "") -> Iterable[tuple[str, Value]]:
    """Walks through nested mappings; the parts of a key are joined with dots."""
    for key, value in node.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", _value(value)


def handles(settings: Mapping[str, Value]) -> Handles:
    """Names groups by their option's name, images by their file's; leaves out what is aside.

    Args:
        settings: A configuration, flat: ``{"style.image": "a/wave.jpg"}`` → ``{"style": "wave"}``.
    """
    named: Handles = {}
    for key, value in settings.items():
        if key.startswith(ASIDE) or key.endswith((".sha256", "optimizer.name")):
            continue
        if key in ("content.image", "style.image", "init.image"):
            key = key.removesuffix(".image") if key != "init.image" else key
            value = stem(str(value)) if value is not None else None
        elif key == "optimizer._target_":
            key, value = "optimizer", str(settings.get("optimizer.name") or _class(value)).lower()
        elif key == "network.name":
            key = "network"
        elif key.endswith("._target_"):
            key, value = key.removesuffix("._target_"), _class(value)
        named[key] = value
    terms = [key.split(".")[1] for key in settings if re.fullmatch(r"loss\.\w+\._target_", key)]
    return named | {"loss": "+".join(terms)} if terms else named


def hparams(config: DictConfig) -> dict[str, bool | int | float | str]:
    """Makes the columns of a run in TensorBoard's table: every handle that has a value.

    A column has one type in all runs and never None: a mixed one turns into words and hides rows.
    What a run has not, such as the learning rate of L-BFGS, stays blank. Weights of terms that merely
    pass alpha or beta on are left out, they would say it twice.

    Args:
        config: Resolved.
    """
    settings: Any = OmegaConf.to_container(config, resolve=True)
    named = handles(dict(flat(settings)))
    if named.get("pyramid.min_size") is None:  # a number where others have one
        named["pyramid.min_size"] = named["size"]
    fed = {"loss.content.weight": "alpha", "loss.style.weight": "beta"}
    return {
        key: " ".join(value) if isinstance(value, tuple) else value
        for key, value in named.items()
        if value is not None and not (key in fed and value == named[fed[key]])
    }


def _class(target: Value) -> str:
    return str(target).rsplit(".", 1)[-1]


def _value(value: Any) -> Value:
    if isinstance(value, list):
        return tuple(f"{item:g}" if isinstance(item, float) else str(item) for item in value)
    return value if isinstance(value, str | int | float | None) else str(value)
