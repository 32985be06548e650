"""Remembers what depends only on the sources, which the jobs of a sweep share."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TypeVar

T = TypeVar("T")


class _Arguments:
    """Arguments that equal others of the same content, arrays included."""

    def __init__(self, values: tuple[object, ...]) -> None:
        self.values = values
        self._digest = hashlib.blake2b(pickle.dumps(values)).digest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Arguments) and self._digest == other._digest

    def __hash__(self) -> int:
        return hash(self._digest)


def remembered(most: int) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """Decorates a function whose last results are kept, by the content of its arguments.

    Args:
        most: Number of results, which are small; the arguments are not kept.
    """

    def decorated(function: Callable[..., T]) -> Callable[..., T]:
        @lru_cache(maxsize=most)
        def result(arguments: _Arguments) -> T:
            values, arguments.values = arguments.values, ()
            return function(*values)

        @wraps(function)
        def call(*values: object) -> T:
            return result(_Arguments(values))

        return call

    return decorated
