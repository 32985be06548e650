"""The configuration as a JSON schema, for editors. Free of TensorFlow."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any, Union, get_args, get_origin, get_type_hints

from nst.config.composition import groups, options
from nst.config.nodes import NODES, ObserverConf, OptimizerConf, TermConf
from nst.config.places import CONF_DIR
from nst.config.schema import Config
from nst.errors import COMPLETED, InputError

OPEN = (TermConf, OptimizerConf, ObserverConf)  # an option has the keys of one of their heirs
SIMPLE: dict[Any, str] = {int: "integer", float: "number", bool: "boolean", str: "string"}
REFERENCE = {"type": "string", "pattern": r"^\$\{.*\}$"}  # to another key
HYDRA = {"type": "object", "description": "settings of Hydra"}


def main(arguments: Sequence[str]) -> int:
    """Prints the schema, ``nst schema``; returns the exit status."""
    if arguments:
        raise InputError(f"nst schema takes no settings, received {arguments[0]}")
    print(json_schema())
    return COMPLETED


def json_schema() -> str:
    """Returns the schema of ``conf/config.yaml`` and of experiments.

    Keys, types and options come from the dataclasses and from ``conf/``, explanations from its
    comments.
    """
    schema = _of_class(Config)
    for key, words in _comments().items():
        schema["properties"].get(key, {})["description"] = words
    chosen = {group: {"enum": [*options(group), None]} for group in groups() if group != "hydra"}
    several = {group: {"anyOf": [one, {"type": "array"}]} for group, one in chosen.items()}
    item = {"anyOf": [{"type": "string"}, {"type": "object", "properties": several}]}
    schema["properties"] |= {"defaults": {"type": "array", "items": item}, "hydra": HYDRA}
    top = {"$schema": "http://json-schema.org/draft-07/schema#", "title": "nst"}
    return json.dumps(top | schema, indent=2)


def _of_class(kind: Any) -> dict[str, Any]:
    """Describes a dataclass; an option's class has the keys of all that extend it."""
    kinds = [node for node in (kind, *NODES) if issubclass(node, kind)] if kind in OPEN else [kind]
    found: dict[str, Any] = {}
    for one in kinds:
        hints = get_type_hints(one)
        found |= {field.name: _of_type(hints[field.name]) for field in fields(one)}
    words = " ".join((kind.__doc__ or "").split())
    described = {"type": "object", "description": words, "properties": found}
    return described | ({} if kind in OPEN else {"additionalProperties": False})


def _of_type(hint: Any) -> dict[str, Any]:
    origin, parts = get_origin(hint), get_args(hint)
    if is_dataclass(hint):
        return _of_class(hint)
    if origin is Union:  # Optional as well
        return {"anyOf": [_of_type(part) for part in parts]}
    if origin is list:
        return {"type": "array", "items": _of_type(parts[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": _of_type(parts[1])}
    if hint is type(None):
        return {"type": "null"}
    if hint in SIMPLE:
        return {"anyOf": [{"type": SIMPLE[hint]}, REFERENCE]}
    return {}  # Any


def _comments() -> dict[str, str]:
    text = (CONF_DIR / "config.yaml").read_text("utf-8")
    return dict(re.findall(r"^(?:  - )?(\w+): [^#\n]*# (.+)$", text, re.MULTILINE))
