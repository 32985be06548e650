"""JSON objects in files."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from nst.errors import InputError


def to_json(data: Mapping[str, Any], indent: int | None = None) -> str:
    """Encodes as JSON; infinity and NaN, which JSON lacks, become null."""
    return json.dumps(_finite(data), indent=indent, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def json_object(data: bytes, where: str) -> dict[str, Any]:
    """Decodes a JSON object.

    Args:
        data: UTF-8.
        where: What to call it in messages.

    Raises:
        InputError: It is damaged.
    """
    try:
        found = json.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where} is damaged: {error}") from error
    if not isinstance(found, dict):
        raise InputError(f"{where} is damaged: it is not a JSON object")
    return found
