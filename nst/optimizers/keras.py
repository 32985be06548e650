"""An adapter from Keras' optimizers to update rules."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from nst.errors import InputError, did_you_mean
from nst.optimizers.rules import Tensors


class _Undistributed(keras.optimizers.Optimizer):  # type: ignore[misc]
    """Updates variables itself, not by way of ``tf.distribute``.

    That way keeps every graph alive, and with it variables as large as the image: some 20 MB per
    run at 512 px (Keras 3.15 with TensorFlow 2.21).
    """

    def _backend_update_step(self, gradients: Tensors, variables: Any, rate: tf.Tensor) -> None:
        for gradient, variable in zip(gradients, variables, strict=True):
            self.update_step(gradient, variable, rate)

    def _apply_weight_decay(self, variables: Any) -> None:
        if self.weight_decay is not None:
            for variable in variables:
                variable.assign_sub(variable * self.weight_decay * self.learning_rate)


class Keras:
    """A Keras optimizer as a :class:`nst.optimizers.rules.Rule`.

    Keras keeps its state in variables. Here they are scratch space, written before each step and
    read after it. They belong to this object alone, so runs in several threads share none.

    Args:
        name: A class of ``keras.optimizers``; case does not matter.
        options: Arguments of that class.

    Raises:
        InputError: There is no such class or option, or Keras rejects a value.
    """

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        kind, self._options = _named(name), dict(options)
        self._class = type(kind.__name__, (kind, _Undistributed), {})
        known = set(inspect.signature(self._class).parameters) - {"learning_rate", "name", "kwargs"}
        for option in options:
            if option not in known:
                raise InputError(
                    f"optimizer.options: Keras' {self._class.__name__} has no option {option}."
                    f"{did_you_mean(option, known)} Valid: {', '.join(sorted(known))}"
                )
        try:
            self._make()
        except (TypeError, ValueError) as error:
            raise InputError(
                f"optimizer.options: Keras' {self._class.__name__} says: {error}"
            ) from error

    def init(self, levels: Tensors) -> Tensors:
        """Returns the initial values of Keras' variables."""
        self._optimizer, self._levels = self._make(), [tf.Variable(level) for level in levels]
        self._optimizer.build(self._levels)
        return [tf.identity(variable.value) for variable in self._optimizer.variables]

    def update(
        self, gradients: Tensors, state: Tensors, levels: Tensors, rate: tf.Tensor
    ) -> tuple[Tensors, Tensors]:
        """Makes Keras' step; returns the change of each level and the variables' new values."""
        variables = self._optimizer.variables
        _assign([variable.value for variable in variables], state)
        _assign(self._levels, levels)
        self._optimizer.learning_rate.assign(rate)
        self._optimizer.apply(gradients, self._levels)
        steps = [new - old for new, old in zip(self._levels, levels, strict=True)]
        return steps, [tf.identity(variable.value) for variable in variables]

    def _make(self) -> Any:
        return self._class(**self._options)


def keras_optimizers() -> dict[str, type]:
    """Returns the Keras optimizers that work on their own, by class name."""
    return {
        name: value
        for name, value in vars(keras.optimizers).items()
        if inspect.isclass(value)
        and issubclass(value, keras.optimizers.Optimizer)
        and value is not keras.optimizers.Optimizer
        # Wrappers around other optimizers have no learning rate.
        and "learning_rate" in inspect.signature(value).parameters
    }


def _named(name: str) -> type:
    known = keras_optimizers()
    by_lower = {spelling.lower(): value for spelling, value in known.items()}
    if name.lower() not in by_lower:
        raise InputError(
            f"optimizer.name: Keras has no optimizer {name}.{did_you_mean(name, known)} "
            f"Valid: {', '.join(known)}"
        )
    return by_lower[name.lower()]


def _assign(variables: Sequence[tf.Variable], values: Tensors) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
