"""Optimizers of Keras by name."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import keras

from nst.errors import InputError, did_you_mean

Options = tuple[tuple[str, Any], ...]  # named arguments, hashable


def keras_optimizers() -> dict[str, type]:
    """The Keras optimizers that work on their own, by class name."""
    return {
        name: value
        for name, value in vars(keras.optimizers).items()
        if inspect.isclass(value)
        and issubclass(value, keras.optimizers.Optimizer)
        and value is not keras.optimizers.Optimizer
        # Wrappers around other optimizers have no rate of their own.
        and "learning_rate" in inspect.signature(value).parameters
    }


def keras_class(name: str) -> type:
    """Finds a class of `keras.optimizers`, in any case.

    Raises:
        InputError: There is none; the nearest and all valid ones are named.
    """
    known = keras_optimizers()
    by_lower = {spelling.lower(): value for spelling, value in known.items()}
    if name.lower() not in by_lower:
        raise InputError(
            f"optimizer.name: Keras has no optimizer {name}.{did_you_mean(name, known)} "
            f"Valid: {', '.join(known)}"
        )
    return by_lower[name.lower()]


def make(kind: type, learning_rate: float, options: Mapping[str, Any]) -> Any:
    """Makes an optimizer of a Keras class.

    Raises:
        InputError: It has no such option, or refuses the value.
    """
    known = set(inspect.signature(kind).parameters) - {"learning_rate", "name", "kwargs"}
    for option in options:
        if option not in known:
            raise InputError(
                f"optimizer.options: Keras' {kind.__name__} has no option {option}."
                f"{did_you_mean(option, known)} Valid: {', '.join(sorted(known))}"
            )
    try:
        return kind(learning_rate=learning_rate, **options)
    except (TypeError, ValueError) as error:
        raise InputError(f"optimizer.options: Keras' {kind.__name__} says: {error}") from error
